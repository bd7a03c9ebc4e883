#include "monge/serve/translate_route.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/source.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/zip_writer.h"
#include "monge/report/data_uri.h"
#include "monge/serve/image_input.h"
#include "monge/serve/translate_query.h"
#include "monge/session/summary.h"

namespace monge::serve {
namespace {

enum class Kind { image, array };

/// What a request needs until its answer is sent.
struct Work {
  Kind kind = Kind::image;
  std::string model;
  session::TranslateOptions options;
  bool json = false;
  torch::Tensor x;
  ByteBudget::Hold held;
};

/// The file in a body: the body itself, or the file of a form.
std::string_view file_in(const Request& request) {
  const auto type = request.header("content-type");
  if (media_type(type) != "multipart/form-data") return request.body;
  std::string_view found;
  int64_t files = 0;
  for (const auto& part : form_parts(type, request.body)) {
    if (part.file_name.empty() && part.name != "file") continue;
    found = part.content;
    ++files;
  }
  require(files == 1, "the form has ", files, " files; one is needed");
  return found;
}

torch::Tensor read_array(std::string_view bytes) {
  auto x = io::parse_npy(bytes, "the array");
  if (x.dim() != 2 && x.dim() != 4) {
    throw InputError({.what = "the array must hold vectors or images",
                      .where = "the array",
                      .value = text(x.sizes()),
                      .allowed = "[N, D] or [N, C, H, W]"});
  }
  require(x.size(0) > 0, "the array has no items");
  const bool kept = x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kFloat64 ||
                    (x.dim() == 4 && x.scalar_type() == torch::kUInt8);
  return kept ? x : x.to(torch::kFloat64);
}

std::string png_of(const torch::Tensor& image_CHW) { return io::encode_png(io::from_float(image_CHW)); }

Response image_response(const Work& work, const torch::Tensor& y_KCHW) {
  std::vector<std::string> files;
  for (int64_t k = 0; k < y_KCHW.size(0); ++k) files.push_back(png_of(y_KCHW[k]));
  if (work.json) {
    nlohmann::ordered_json out{{"model", work.model},
                               {"seed", work.options.seed},
                               {"samples", files.size()},
                               {"width", y_KCHW.size(3)},
                               {"height", y_KCHW.size(2)},
                               {"input", report::base64(png_of(data::as_floats(work.x)[0]))},
                               {"outputs", nlohmann::ordered_json::array()}};
    for (const auto& file : files) out["outputs"].push_back(report::base64(file));
    return {.body = session::json_text(out)};
  }
  if (files.size() == 1) return {.type = "image/png", .body = std::move(files[0])};
  Response out{.type = "application/zip"};
  io::ZipWriter archive([&](std::string_view bytes) { out.body.append(bytes); });
  for (size_t k = 0; k < files.size(); ++k) {
    char name[24];
    std::snprintf(name, sizeof name, "%03zu.png", k);
    archive.add(name, files[k]);
  }
  archive.finish();
  return out;
}

Response response_of(const Work& work, torch::Tensor y) {
  if (work.kind == Kind::image) return image_response(work, y[0]);
  if (y.size(1) == 1) y = y.squeeze(1);
  return {.type = "application/x-npy", .body = io::npy_bytes(y)};
}

/// The answer for an exception of a translation.
Response failure_response(const std::exception_ptr& failure, const std::function<void(const std::string&)>& report) {
  try {
    std::rethrow_exception(failure);
  } catch (const InputError& error) {
    return error_response(400, error.complaint());
  } catch (const SystemError&) {
    return error_response(503, "the server is stopping");
  } catch (const std::exception& error) {
    if (report) report(error.what());
    return error_response(500, "the translation failed");
  }
}

Response busy() {
  auto out = error_response(503, Complaint{.what = "the server has too much to do", .fix = "try again in a moment"});
  out.headers.emplace_back("Retry-After", "1");
  return out;
}

}  // namespace

TranslateRoute::TranslateRoute(Catalogue& catalogue, TranslateQueue& queue, const TranslateLimits& limits,
                               std::function<void(std::function<void()>)> post,
                               std::function<void(const std::string&)> report)
    : catalogue_(catalogue),
      queue_(queue),
      limits_(limits),
      post_(std::move(post)),
      report_(std::move(report)),
      work_(std::make_shared<ByteBudget>(limits.most_work)) {}

void TranslateRoute::handle(Request&& request, const Responder& responder) {
  auto query = parse_translate_query(request.query, limits_.most_samples);
  const auto names = catalogue_.model_names();
  if (query.model.empty() && names.size() == 1) query.model = names[0];
  auto model = query.model.empty() ? nullptr : catalogue_.model(query.model);
  if (!model) {
    return responder.send(error_response(query.model.empty() ? 400 : 404,
                                         Complaint{.what = query.model.empty() ? "no model is named" : "no such model",
                                                   .where = "model",
                                                   .value = query.model.empty() ? "" : shown(query.model),
                                                   .allowed = names.size() <= 20 ? join(names) : "see /v1/models",
                                                   .fix = suggestion(query.model, names)}));
  }
  const auto map = query.inverse ? model->map.inverse() : model->map;  // throws for a model of one direction
  const auto work = std::make_shared<Work>();
  work->held = ByteBudget::Hold(work_);
  work->model = model->name;
  work->json = accepts(request, "application/json");
  const auto bytes = file_in(request);
  if (bytes.starts_with("\x93NUMPY")) {
    work->kind = Kind::array;
    // Bytes become float64.
    if (!work->held.add(static_cast<int64_t>(bytes.size()) * 8)) return responder.send(busy());
    work->x = read_array(bytes);
  } else if (is_image(bytes)) {
    // What decoding, preparing and scaling hold at most for a pixel.
    constexpr int64_t kBytesPerPixel = 32;
    const auto size = io::stored_size(bytes);
    const int64_t pixels = size ? size->width * size->height : 0;
    if (pixels <= limits_.most_pixels && !work->held.add(pixels * kBytesPerPixel)) return responder.send(busy());
    auto input = read_image_input(map, bytes, query.options.size, limits_.most_pixels);
    work->x = std::move(input.x);
    query.options.size = input.size;
  } else {
    return responder.send(error_response(
        415, Complaint{.what = bytes.empty() ? "the request has no body" : "the body is of no kind that is read here",
                       .allowed = "a PNG, JPEG or WebP image, a .npy array, or a form with one such file"}));
  }
  const int64_t outputs = work->x.numel() * query.options.samples * 4;
  if (outputs > limits_.most_outputs) {
    return responder.send(
        error_response(413, Complaint{.what = "the outputs would be too large",
                                      .value = text(outputs, " bytes"),
                                      .allowed = text("up to ", limits_.most_outputs, " bytes"),
                                      .fix = "ask for fewer samples, a smaller size or fewer items"}));
  }
  constexpr int64_t kCopies = 3;
  if (!work->held.add(outputs * kCopies)) return responder.send(busy());
  request.body = {};
  request.held.release();
  work->options = query.options;
  Translation translation{.model = std::move(model), .inverse = query.inverse, .x = work->x, .options = query.options};
  translation.gone = [responder] { return responder.gone(); };
  translation.done = [work, responder, post = post_, report = report_](const torch::Tensor& y,
                                                                       const std::exception_ptr& failure) {
    if (failure) return responder.send(failure_response(failure, report));
    post([work, responder, report, y] {  // images are encoded while the next batch is computed
      try {
        responder.send(response_of(*work, y));
      } catch (const std::exception&) {
        responder.send(failure_response(std::current_exception(), report));
      }
    });
  };
  if (!queue_.submit(std::move(translation))) responder.send(busy());
}

}  // namespace monge::serve
