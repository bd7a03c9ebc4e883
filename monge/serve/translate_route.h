// POST /v1/translate: reads a request, queues it, and writes its outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "monge/serve/byte_budget.h"
#include "monge/serve/catalogue.h"
#include "monge/serve/http_server.h"
#include "monge/serve/translate_queue.h"

namespace monge::serve {

struct TranslateLimits {
  int64_t most_pixels = int64_t{16} << 20;    ///< of an image
  int64_t most_samples = 64;                  ///< outputs of an input
  int64_t most_outputs = int64_t{256} << 20;  ///< bytes of the outputs of one request as float32
  int64_t most_work = int64_t{2} << 30;       ///< bytes of the decoded inputs and outputs of all requests together
};

/// The query is
///
///     model          a name of the catalogue; may be left out if there is one
///     samples, seed, t, deterministic=0|1, noise_scale, size, noise=item|fixed       as TranslateOptions
///     inverse=0|1    map back, for a model of both directions
///
/// and the body a PNG, JPEG or WebP image, a .npy array ([N, D], or [N, C, H, W] in [-1, 1] or uint8), or a form with
/// one such file. The first bytes decide.
///
/// An array is answered with an array: [N, ...item] for one sample, else [N, samples, ...item]. An image is answered
/// with a PNG file, with a zip archive of them (000.png, ...) for several samples, or with
/// {"model", "seed", "samples", "width", "height", "input", "outputs": [base64 of PNG files]} if the Accept header
/// names application/json. The noise of item i is that of session::translate for a tensor.
class TranslateRoute {
 public:
  /// @param post  runs a task on another thread than the queue's. All references, and what the functions use, must
  ///              outlive the queue.
  /// @param report  gets the words of an exception that became 500, for the log of the server. May be empty.
  TranslateRoute(Catalogue& catalogue, TranslateQueue& queue, const TranslateLimits& limits,
                 std::function<void(std::function<void()>)> post, std::function<void(const std::string&)> report = {});

  /// @throws InputError for a request that cannot be used.
  void handle(Request&& request, const Responder& responder);

 private:
  Catalogue& catalogue_;
  TranslateQueue& queue_;
  const TranslateLimits limits_;
  const std::function<void(std::function<void()>)> post_;
  const std::function<void(const std::string&)> report_;
  const std::shared_ptr<ByteBudget> work_;
};

}  // namespace monge::serve
