// What no honest client asks of the API.
#include <gmock/gmock.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/serve/counters.h"
#include "monge/serve/server.h"
#include "tests/serve/client.h"
#include "tests/serve/models.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

using monge::testing::ScratchFolder;
using testing::ask;
using testing::Client;
using ::testing::HasSubstr;

class Hostile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    testing::small_image_model("weak").save(*folder_ / "draws.safetensors");
    testing::make_run(*folder_ / "run");
    server_ = new Server(folder_->path(), {.http = {.port = 0}, .limits = {.most_pixels = 1 << 20}});
  }
  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
  }
  static int64_t port() { return server_->port(); }
  static testing::Answer translate(const std::string& body, const std::string& query = "") {
    return ask(port(), "POST", "/v1/translate?model=draws" + query, body);
  }

  inline static ScratchFolder* folder_ = nullptr;
  inline static Server* server_ = nullptr;
};

void append_number(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
}

std::string chunk(const std::string& type, const std::string& data) {
  std::string out;
  append_number(out, static_cast<uint32_t>(data.size()));
  const auto body = type + data;
  out += body;
  append_number(out, static_cast<uint32_t>(
                         crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))));
  return out;
}

/// A PNG file that says it has this size; its data are zeros for as many bytes as given.
std::string png_of_size(uint32_t width, uint32_t height, size_t bytes) {
  std::string header;
  append_number(header, width);
  append_number(header, height);
  header += std::string("\x08\x02\x00\x00\x00", 5);
  const std::string raw(bytes, '\0');
  std::string packed(compressBound(bytes), '\0');
  uLongf length = packed.size();
  compress2(reinterpret_cast<Bytef*>(packed.data()), &length, reinterpret_cast<const Bytef*>(raw.data()), bytes, 9);
  packed.resize(length);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", packed) + chunk("IEND", "");
}

TEST_F(Hostile, PathsLeadNowhereButToTheCatalogue) {
  for (const char* target : {"/v1/models/../run",
                             "/v1/models/%2e%2e%2frun",
                             "/v1/models/%2e%2e",
                             "/v1/runs/..",
                             "/v1/runs/run/../run",
                             "/v1/runs/run/samples/..%2frecipe.toml",
                             "/v1/runs/run/samples/%2e%2e",
                             "/v1/runs/run/samples/step_.png",
                             "/v1/runs/run/samples/step_1e3.png",
                             "/v1/runs/run/samples/step_-1.png",
                             "/v1/runs/run/samples/recipe.toml",
                             "/v1/runs/run/samples/step_99999999999999999999.png",
                             "/v1/runs/run/samples/step_000001.png%2f..",
                             "/v1/runs/run/recipe.toml",
                             "/v1/runs//run",
                             "/recipe.toml",
                             "/..",
                             "//etc/passwd",
                             "/%2e%2e/%2e%2e/etc/passwd",
                             "/v1/runs/%ff%fe",
                             "/v1/models/draws.safetensors",
                             "/v1/models/%2Ftmp"})
    EXPECT_EQ(ask(port(), "GET", target).status, 404) << target;
  EXPECT_EQ(ask(port(), "GET", "/v1/runs/run%00").status, 400);
  EXPECT_EQ(ask(port(), "GET", "/v1/runs/" + std::string(9000, 'x')).status, 414);
  EXPECT_EQ(ask(port(), "GET", "/v1/models/" + std::string(5000, '.')).status, 404);
  EXPECT_EQ(ask(port(), "POST", "/v1/translate?model=..%2f..%2fetc%2fpasswd", "x").status, 404);
}

TEST_F(Hostile, ForeignHostsAndSitesAreRefused) {
  EXPECT_EQ(ask(port(), "GET", "/v1/models", "", "Host: evil.example\r\n").status, 421);
  EXPECT_EQ(ask(port(), "POST", "/v1/translate?model=draws", "x", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(ask(port(), "POST", "/v1/translate?model=draws", "x", "Sec-Fetch-Site: cross-site\r\n").status, 403);
  const auto answer = ask(port(), "GET", "/v1/models", "", "Origin: http://evil.example\r\n");
  EXPECT_EQ(answer.headers.count("access-control-allow-origin"), 0U);
  EXPECT_EQ(ask(port(), "OPTIONS", "/v1/translate", "", "Origin: http://evil.example\r\n").status, 403);
}

TEST_F(Hostile, DamagedImagesAreErrorsOfTheClient) {
  const auto image = torch::randint(0, 256, {24, 24, 3}, torch::kUInt8);
  for (const auto& whole : {io::encode_png(image), io::encode_jpeg(image), io::encode_image(image, "a.webp")}) {
    EXPECT_EQ(translate(whole).status, 200);
    for (size_t length = 4; length < whole.size(); length += 1 + whole.size() / 40) {
      const int status = translate(whole.substr(0, length)).status;
      // A JPEG that is cut in its data may still be read in part.
      EXPECT_TRUE(status == 400 || status == 415 || (status == 200 && whole[0] == '\xff')) << length << " " << status;
    }
    auto flipped = whole;
    for (size_t i = 12; i < whole.size(); i += 1 + whole.size() / 40) {
      flipped[i] = static_cast<char>(flipped[i] ^ 0x55);
      const int status = translate(flipped).status;
      EXPECT_TRUE(status == 200 || status == 400 || status == 415) << i << " " << status;
    }
  }
}

TEST_F(Hostile, BombsAreRefusedByTheirHeader) {
  const auto before = resident_bytes();
  const auto bomb = png_of_size(60000, 60000, 50 << 20);  // a small file that says it has 10 GB
  ASSERT_LT(bomb.size(), size_t{1} << 20);
  for (int i = 0; i < 4; ++i) {
    const auto answer = translate(bomb);
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("pixels"));
  }
  EXPECT_EQ(translate(png_of_size(1024, 1025, 1024 * 1025 * 3)).status, 400);
  EXPECT_EQ(translate(png_of_size(16, 16, 5 << 20)).status == 500, false);
  EXPECT_LT(resident_bytes() - before, int64_t{100} << 20);
}

TEST_F(Hostile, SizesAndDrawsThatAreTooLargeAreRefused) {
  const auto png = io::encode_png(torch::zeros({16, 16, 3}, torch::kUInt8));
  EXPECT_EQ(translate(png, "&size=4096").status, 400);
  EXPECT_THAT(translate(png, "&size=2000x2000").body, HasSubstr("too many pixels"));
  EXPECT_EQ(translate(png, "&samples=1000000").status, 400);
  const auto wide = io::encode_png(torch::zeros({1000, 1000, 3}, torch::kUInt8));
  EXPECT_EQ(translate(wide, "&samples=64&size=keep").status, 413);
}

TEST_F(Hostile, ArraysThatLieAreRefused) {
  const auto whole = io::npy_bytes(torch::zeros({2, 3, 16, 16}));
  EXPECT_EQ(translate(whole).status, 200);
  for (size_t length = 6; length < whole.size(); length += 97)
    EXPECT_EQ(translate(whole.substr(0, length)).status, 400);
  const auto with_shape = [&](const std::string& shape) {
    auto out = whole;
    const auto at = out.find("(2, 3, 16, 16)");
    out.replace(at, 14, shape + std::string(14 - std::min<size_t>(14, shape.size()), ' '));
    return out;
  };
  for (const char* shape :
       {"(9999999999,2)", "(-2, 3, 16, 16)", "(2, 3, 16)", "(0, 3, 16, 16)", "(9e9, 2)", "(2, 2**40, 1)"})
    EXPECT_EQ(translate(with_shape(shape)).status, 400) << shape;
  auto objects = whole;
  objects.replace(objects.find("<f4"), 3, "|O ");
  EXPECT_EQ(translate(objects).status, 400);
  const auto nan = torch::full({1, 3, 16, 16}, NAN);
  EXPECT_EQ(translate(io::npy_bytes(nan)).status, 200);  // what goes in comes out
}

TEST_F(Hostile, ARateLimitAnswers429) {
  Server server(folder_->path(),
                {.http = {.port = 0}, .access = {.rate = 0.001, .burst = 3, .rate_on_loopback = true}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(server.port(), "GET", "/v1/runs").status, 200);
  const auto answer = ask(server.port(), "GET", "/v1/runs");
  EXPECT_EQ(answer.status, 429);
  EXPECT_GT(std::stoi(answer.headers.at("retry-after")), 1);
}

TEST_F(Hostile, AFullQueueAnswers503) {
  Server server(folder_->path(), {.http = {.port = 0}, .most_waiting = 1});
  // Slow requests: many draws of a large image, in tiles.
  const auto slow = io::encode_png(torch::zeros({700, 700, 3}, torch::kUInt8));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->send(testing::request_text("POST", "/v1/translate?model=draws&size=keep&samples=8", slow));
  }
  int busy = 0;
  for (int i = 11; i >= 2 && busy == 0; --i) {
    const auto answer = clients[static_cast<size_t>(i)]->read_answer();
    if (answer.status == 503) {
      ++busy;
      EXPECT_EQ(answer.headers.at("retry-after"), "1");
    }
  }
  EXPECT_EQ(busy, 1);
  clients.clear();  // their work is given up between tiles
}

}  // namespace
}  // namespace monge::serve
