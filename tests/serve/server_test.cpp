// A server on a free port, asked by a client on a raw socket.
#include "monge/serve/server.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "monge/core/files.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/report/data_uri.h"
#include "tests/serve/client.h"
#include "tests/serve/models.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using monge::testing::ScratchFolder;
using ::testing::AllOf;
using testing::Answer;
using testing::ask;
using testing::Client;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::request_text;

/// A folder with models of images and vectors and a run, served.
class Served : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    fs::create_directory(*folder_ / "all");
    testing::small_image_model("weak").save(*folder_ / "all/draws.safetensors");
    testing::small_image_model("strong").save(*folder_ / "all/photos.safetensors");
    testing::small_vector_model().save(*folder_ / "all/plane.safetensors");
    testing::make_run(*folder_ / "all/run");
    server_ = new Server(*folder_ / "all", {.http = {.port = 0}});
  }
  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
  }

  static int64_t port() { return server_->port(); }
  static nlohmann::json json(const std::string& target) {
    return nlohmann::json::parse(ask(port(), "GET", target).body);
  }
  static model::Model model(const std::string& name) {
    return model::load_model(*folder_ / ("all/" + name + ".safetensors"), torch::kCPU, silent());
  }
  static torch::Tensor pixels(int64_t height, int64_t width) {
    return torch::randint(0, 256, {height, width, 3}, RandomStreams(3).at("pixels", 0), torch::kUInt8);
  }

  inline static ScratchFolder* folder_ = nullptr;
  inline static Server* server_ = nullptr;
};

TEST_F(Served, ArraysAreTranslatedAsTheSessionDoes) {
  const auto rows = torch::randn({7, 2}, RandomStreams(1).at("rows", 0));
  const auto answer = ask(port(), "POST", "/v1/translate?model=plane&seed=4", io::npy_bytes(rows));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "application/x-npy");
  EXPECT_TRUE(torch::equal(io::parse_npy(answer.body, "answer"),
                           session::translate(model("plane"), rows, {.seed = 4}).squeeze(1)));

  const auto images = torch::rand({2, 3, 16, 16}, RandomStreams(1).at("images", 0)) * 2 - 1;
  const auto draws = ask(port(), "POST", "/v1/translate?model=draws&samples=3&seed=5&t=0.25", io::npy_bytes(images));
  ASSERT_EQ(draws.status, 200) << draws.body;
  EXPECT_TRUE(torch::equal(io::parse_npy(draws.body, "answer"),
                           session::translate(model("draws"), images, {.samples = 3, .seed = 5, .t = 0.25})));
}

TEST_F(Served, ImagesAreTranslatedAsTheProgramDoes) {
  for (const auto& [height, width] : {std::pair{16, 16}, {8, 8}, {40, 24}, {5, 9}}) {
    const auto file = *folder_ / "in.png";
    io::write_image(file, pixels(height, width));
    for (const char* size : {"", "train", "keep", "24x32", "residual"}) {
      const auto answer = ask(port(), "POST", text("/v1/translate?model=photos&size=", size), real_files().read(file));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.headers.at("content-type"), "image/png");
      session::translate(model("photos"), file.string(), (*folder_ / "out.png").string(), {.size = size});
      EXPECT_TRUE(torch::equal(io::decode_image(answer.body, "answer"), io::read_image(*folder_ / "out.png")))
          << width << "x" << height << " " << size;
    }
  }
}

TEST_F(Served, SeveralDrawsAreAnArchiveOrJson) {
  const auto png = io::encode_png(pixels(16, 16));
  const auto archive = ask(port(), "POST", "/v1/translate?model=draws&samples=2", png);
  EXPECT_EQ(archive.headers.at("content-type"), "application/zip");
  EXPECT_THAT(archive.body, AllOf(HasSubstr("000.png"), HasSubstr("001.png")));
  const auto answer =
      ask(port(), "POST", "/v1/translate?model=draws&samples=2&seed=3", png, "Accept: text/html, application/json\r\n");
  const auto object = nlohmann::json::parse(answer.body);
  EXPECT_EQ(object["outputs"].size(), 2U);
  EXPECT_EQ(object["seed"], 3);
  EXPECT_EQ(object["input"], report::base64(png));
  const auto x = io::scale_to_float(pixels(16, 16)).permute({2, 0, 1}).unsqueeze(0);
  const auto y = session::translate(model("draws"), x, {.samples = 2, .seed = 3});
  EXPECT_EQ(object["outputs"][1], report::base64(io::encode_png(io::from_float(y[0][1]))));
}

TEST_F(Served, FormsHoldOneFile) {
  const auto part = [](const std::string& name, const std::string& content) {
    return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"x\"\r\n\r\n" + content + "\r\n";
  };
  const std::string type = "Content-Type: multipart/form-data; boundary=b\r\n";
  const auto png = io::encode_png(pixels(16, 16));
  const auto post = [&](const std::string& body) {
    return ask(port(), "POST", "/v1/translate?model=photos", body, type);
  };
  EXPECT_EQ(post(part("file", png) + "--b--\r\n").status, 200);
  EXPECT_THAT(post(part("file", png) + part("more", png) + "--b--\r\n").body, HasSubstr("2 files; one is needed"));
  EXPECT_EQ(post("--b--\r\n").status, 400);
  EXPECT_EQ(post("nonsense").status, 400);
}

TEST_F(Served, ModelsAndRunsAreListed) {
  const auto models = json("/v1/models")["models"];
  ASSERT_EQ(models.size(), 4U);
  EXPECT_EQ(models[0]["name"], "draws");
  const auto about = json("/v1/models/photos");
  EXPECT_EQ(about["input"]["kind"], "image");
  EXPECT_EQ(about["card"]["item_shape"], nlohmann::json({3, 16, 16}));
  EXPECT_EQ(json("/v1/models/run/inputs")["rows"].size(), 64U);
  EXPECT_TRUE(json("/v1/models/photos/inputs")["items"].empty());
  const auto runs = json("/v1/runs")["runs"];
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["state"], "complete");
  const auto run = json("/v1/runs/run");
  EXPECT_EQ(run["samples"], nlohmann::json({1, 2, 3}));
  EXPECT_EQ(run["summary"]["iterations"], 3);
  const auto sample = ask(port(), "GET", "/v1/runs/run/samples/step_000003.png");
  EXPECT_EQ(sample.headers.at("content-type"), "image/png");
  EXPECT_EQ(sample.body, real_files().read(*folder_ / "all/run/samples/step_000003.png"));
  EXPECT_EQ(ask(port(), "GET", "/v1/models/run/sample.png").body, sample.body);
  EXPECT_EQ(ask(port(), "GET", "/v1/runs/run/log").status, 200);
}

TEST_F(Served, NothingTellsWhereTheFilesAre) {
  std::ofstream(*folder_ / "all/run/report.html") << "data of " << (*folder_ / "all/run/x").string();
  std::ofstream(*folder_ / "all/run/log.txt") << "12:00:00 saved " << (*folder_ / "all/run").string() << "\n";
  const auto report = ask(port(), "GET", "/v1/runs/run/report");
  EXPECT_THAT(report.headers.at("content-security-policy"), HasSubstr("sandbox allow-scripts"));
  EXPECT_EQ(report.body, "data of run/x");
  for (const char* target : {"/v1/models", "/v1/models/run", "/v1/models/photos", "/v1/runs", "/v1/runs/run",
                             "/v1/runs/run/log", "/metrics", "/v1/models/none", "/v1/runs/none"})
    EXPECT_THAT(ask(port(), "GET", target).body, Not(HasSubstr(folder_->path().filename().string()))) << target;
  const auto wrong = ask(port(), "POST", "/v1/translate?model=photos", io::npy_bytes(torch::zeros({2, 3})));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.body, Not(HasSubstr(folder_->path().filename().string())));
}

TEST_F(Served, UnknownPathsAndMethodsAreRefusedAndTheConnectionIsKept) {
  Client client(port());
  const auto status = [&](const std::string& method, const std::string& target) {
    client.send(request_text(method, target));
    return client.read_answer();
  };
  EXPECT_EQ(status("GET", "/nothing").status, 404);
  EXPECT_EQ(status("GET", "/v1/models/none").status, 404);
  const auto method = status("DELETE", "/healthz");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at("allow"), "GET, HEAD");
  EXPECT_EQ(status("GET", "/v1/translate").status, 405);
  const auto health = status("GET", "/healthz");
  EXPECT_EQ(health.body, "ok\n");
  EXPECT_EQ(health.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(health.headers.at("cache-control"), "no-store");
  EXPECT_EQ(health.headers.at("referrer-policy"), "no-referrer");
}

TEST_F(Served, ThePageIsThereWithAPolicyThatAllowsNoForeignScript) {
  for (const char* path : {"/", "/serve.css", "/serve.js", "/translate.js", "/runs.js", "/arrays.js", "/dygraph.min.js",
                           "/dygraph.min.css"}) {
    const auto answer = ask(port(), "GET", path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_THAT(answer.headers.at("content-security-policy"),
                AllOf(HasSubstr("default-src 'self'"), Not(HasSubstr("unsafe"))));
  }
  const auto page = ask(port(), "GET", "/").body;
  EXPECT_THAT(page, AllOf(HasSubstr("/translate.js"), Not(HasSubstr("<style")), Not(HasSubstr(" style="))));
}

TEST_F(Served, ErrorsSayWhatIsAllowed) {
  const auto png = io::encode_png(pixels(16, 16));
  const auto error = [&](const std::string& query, const std::string& body, int status) {
    const auto answer = ask(port(), "POST", "/v1/translate?" + query, body);
    EXPECT_EQ(answer.status, status) << query << answer.body;
    return nlohmann::json::parse(answer.body)["error"].dump();
  };
  EXPECT_THAT(error("", png, 400), HasSubstr("no model is named"));
  EXPECT_THAT(error("model=photo", png, 404), HasSubstr("did you mean"));
  EXPECT_THAT(error("model=photos&smaples=2", png, 400), HasSubstr("did you mean"));
  EXPECT_THAT(error("model=photos&samples=2", png, 400), HasSubstr("deterministic"));
  for (const char* query :
       {"samples=0", "samples=65", "samples=x", "samples=1e3", "seed=-1", "seed=99999999999999999999", "t=2", "t=nan",
        "t=-0.1", "deterministic=2", "noise_scale=-1", "noise_scale=4.5", "noise_scale=0.5", "noise=loud", "size=7",
        "size=99999", "inverse=1", "size=16x"})
    EXPECT_THAT(error(text("model=photos&", query), png, 400), HasSubstr("what")) << query;
  EXPECT_THAT(error("model=photos", "", 415), HasSubstr("no body"));
  EXPECT_THAT(error("model=photos", "GIF89a", 415), HasSubstr("PNG"));
  EXPECT_THAT(error("model=photos", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", 415),
              HasSubstr("PNG"));
  EXPECT_THAT(error("model=plane", png, 400), HasSubstr("takes vectors"));
  EXPECT_THAT(error("model=plane", io::npy_bytes(torch::zeros({3, 5})), 400), HasSubstr("what"));
  EXPECT_THAT(error("model=plane", io::npy_bytes(torch::zeros({0, 2})), 400), HasSubstr("no items"));
  EXPECT_THAT(error("model=plane", io::npy_bytes(torch::zeros({3})), 400), HasSubstr("[N, D]"));
}

TEST_F(Served, CountsAreForPrometheus) {
  ask(port(), "GET", "/healthz");
  ask(port(), "POST", "/v1/translate?model=photos", io::encode_png(pixels(16, 16)));
  const auto text = ask(port(), "GET", "/metrics").body;
  EXPECT_THAT(text, AllOf(HasSubstr("monge_requests_total{route=\"/healthz\",status=\"200\"}"),
                          HasSubstr("monge_request_seconds_bucket{le=\"+Inf\"}"), HasSubstr("monge_batch_requests_sum"),
                          HasSubstr("monge_queue_items 0"), HasSubstr("monge_connections"),
                          HasSubstr("monge_resident_bytes"), HasSubstr("monge_items_translated_total")));
}

TEST_F(Served, ManyRequestsAtOnceHaveTheirOwnOutputs) {
  const auto map = model("draws");
  std::vector<std::thread> threads;
  std::atomic<int64_t> right{0};
  for (int64_t i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const auto x = torch::rand({1, 3, 16, 16}, RandomStreams(9).at("x", i)) * 2 - 1;
      const auto answer = ask(port(), "POST", text("/v1/translate?model=draws&seed=", i), io::npy_bytes(x));
      const auto y = io::parse_npy(answer.body, "answer");
      const auto alone = session::translate(map, x, {.seed = i}).squeeze(1);
      right += answer.status == 200 && (y - alone).abs().max().item<double>() < 1e-5;  // rounding
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 16);
}

TEST(Server, NamesATokenWhereOthersReachIt) {
  const ScratchFolder folder;
  testing::small_vector_model().save(folder / "plane.safetensors");
  std::string log;
  const ServeOptions options{.http = {.listen = "0.0.0.0", .port = 0}};
  Server server(folder / "plane.safetensors", options, [&](LogLevel, const std::string& line) { log += line + "\n"; });
  EXPECT_THAT(log, AllOf(HasSubstr("serving on http://0.0.0.0:"), HasSubstr("token: " + server.token())));
  EXPECT_EQ(ask(server.port(), "GET", "/healthz").status, 200);
  EXPECT_EQ(ask(server.port(), "GET", "/").status, 200);
  EXPECT_EQ(ask(server.port(), "GET", "/v1/models").status, 401);
  EXPECT_EQ(ask(server.port(), "POST", "/v1/login").status, 401);
  const auto bearer = "Authorization: Bearer " + server.token() + "\r\n";
  EXPECT_EQ(ask(server.port(), "GET", "/v1/models", "", bearer).status, 200);
  const auto login = ask(server.port(), "POST", "/v1/login", "", bearer);
  EXPECT_EQ(login.status, 204);
  const auto cookie = login.headers.at("set-cookie");
  const auto pair = "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  EXPECT_EQ(ask(server.port(), "GET", "/v1/models", "", pair).status, 200);
  // A single model needs no name.
  const auto rows = io::npy_bytes(torch::zeros({1, 2}));
  EXPECT_EQ(ask(server.port(), "POST", "/v1/translate", rows, bearer).status, 200);
}

}  // namespace
}  // namespace monge::serve
