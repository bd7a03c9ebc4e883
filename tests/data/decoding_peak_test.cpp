// What decoders and the preparation of an image take at most is compared with what is held for them.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/preparation.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"
#include "tests/io/drawings.h"
#include "tests/io/odd_images.h"
#include "tests/support/process_memory.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

constexpr int64_t kMega = int64_t{1} << 20;
constexpr int64_t kSide = 2400;

using testing::repeated_text;

/// Decodes an image and prepares it. @return the largest growth of the resident memory, and what was held.
std::pair<int64_t, int64_t> peak_and_held(const std::string& bytes, bool sixteen_bits,
                                          const PreparationOptions& options = {.height = 64, .width = 64}) {
  const Preparation preparation(options);
  auto decoding = preparation.decoding();
  decoding.keep_sixteen_bits = sixteen_bits;
  decoding.view = {};
  std::vector<float> out(static_cast<size_t>(preparation.item_bytes()));
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // forgets the peak so far
  const int64_t before = testing::process_bytes("VmRSS");
  io::ImageNotes notes;
  int64_t held = 0;
  {
    const io::DecodingMemory memory;
    const auto image = io::decode_image(bytes, "x", decoding, &notes);
    held = io::held_decoding_memory();
    if (image.scalar_type() == torch::kUInt16) {
      preparation.write_floats(image, out.data(), &notes);
    } else {
      preparation.write(image, reinterpret_cast<uint8_t*>(out.data()), &notes);
    }
  }
  return {testing::process_bytes("VmHWM") - before, held};
}

torch::Tensor ramps(int64_t side, int64_t channels, torch::ScalarType type) {
  const auto ramp = torch::arange(side, torch::kInt64);
  const auto all = (ramp.view({-1, 1, 1}) + 3 * ramp.view({1, -1, 1})).expand({side, side, channels}) % 251;
  return type == torch::kUInt8 ? all.to(torch::kUInt8).contiguous()
                               : (all * 257).to(torch::kInt32).to(torch::kUInt16).contiguous();
}

/// Why the peak cannot be measured here; empty if it can.
std::string no_measurement() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "sanitizers take memory of their own";
#endif
  return std::ofstream("/proc/self/clear_refs").is_open() ? "" : "the peak cannot be measured here";
}

void expect_below(const std::string& name, const std::pair<int64_t, int64_t>& peak_and_held) {
  const auto [peak, held] = peak_and_held;
  std::cout << name << ": peak " << peak / kMega << " MiB, held " << held / kMega << " MiB\n";
  constexpr int64_t kSpare = 4 * kMega;  // of the allocator
  EXPECT_LE(peak, held + kSpare) << name;
  EXPECT_GE(peak, held / 20) << name << ": the measurement sees the image";
}

std::string sized(const std::string& content, int side = 1000) {
  return text("<svg xmlns='http://www.w3.org/2000/svg' width='", side, "' height='", side, "' viewBox='0 0 1000 1000'>",
              content, "</svg>");
}

const std::string kRect = "<rect width='1000' height='1000'/>";

TEST(DecodingPeak, IsNoMoreThanWhatIsHeld) {
  if (const auto why = no_measurement(); !why.empty()) GTEST_SKIP() << why;
  const auto image = [](int64_t channels, torch::ScalarType type) { return ramps(kSide, channels, type); };
  struct Case {
    const char* name;
    std::string bytes;
    bool sixteen_bits = false;
  };
  const std::vector<Case> cases = {
      {"PNG, RGB", io::encode_png(image(3, torch::kUInt8))},
      {"PNG, RGBA", io::encode_png(image(4, torch::kUInt8))},
      {"PNG, RGBA of 16 bits", io::encode_png(image(4, torch::kUInt16)), true},
      {"PNG, RGBA of 16 bits, as 8", io::encode_png(image(4, torch::kUInt16))},
      {"JPEG", io::encode_jpeg(image(3, torch::kUInt8))},
      {"JPEG, progressive", testing::progressive_jpeg(image(3, torch::kUInt8))},
      {"WebP", io::encode_webp(image(3, torch::kUInt8), 50)},
      {"WebP, RGBA", io::encode_webp(image(4, torch::kUInt8), 50)},
      {"WebP, lossless", io::encode_webp(image(4, torch::kUInt8), 100)},
      {"TIFF, RGB", io::encode_tiff(image(3, torch::kUInt8))},
      {"TIFF, RGBA of 16 bits", io::encode_tiff(image(4, torch::kUInt16)), true},
  };
  for (const auto& [name, bytes, sixteen_bits] : cases) {
    peak_and_held(io::encode_png(torch::zeros({8, 8, 3}, torch::kUInt8)), false);
    expect_below(name, peak_and_held(bytes, sixteen_bits));
  }
}

// Drawings are made in a process that gets no more than what is held.
TEST(DecodingPeak, DrawingsGetWhatIsHeldForThem) {
  std::string elements;
  for (int k = 0; k < 20'000; ++k) elements += text("<rect id='r", k, "' x='", k, "' y='1' width='2' height='3'/>");
  std::string filters = "<filter id='f'>";
  for (int k = 0; k < 50; ++k) filters += text("<feFlood flood-color='red' result='r", k, "'/>");
  filters += "</filter><rect width='1000' height='1000' filter='url(#f)'/>";
  const auto nested = [](const std::string& tag) { return repeated_text(tag, 60) + kRect + repeated_text("</g>", 60); };
  std::string trace = "<path fill-rule='evenodd' d='M500 500";  // of a picture: many small outlines
  for (int k = 0; k < 20'000; ++k) trace += text("M", k % 200 * 5, " ", k / 200 * 10, "h3v3h-3z");
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"elements", elements},
      {"a style sheet", "<style>" + repeated_text("a{fill:red}", 50'000) + "</style>" + kRect},
      {"a text", "<text>" + std::string(8192, 'a') + "</text>"},
      {"filters", filters},
      {"layers", nested("<g opacity='.9'>")},
      {"masks", "<mask id='m' fill='white'>" + kRect + "</mask>" + nested("<g mask='url(#m)'>")},
      {"clip paths", "<clipPath id='m'><circle r='400'/></clipPath>" + nested("<g clip-path='url(#m)'>")},
      {"round ends", "<path fill='none' stroke='red' stroke-linejoin='round' stroke-width='60' d='M0 0" +
                         repeated_text("h1v1", 20'000) + "'/>"},
      {"arcs", "<path d='M0 0" + repeated_text("a9 9 0 1 0 1 1", 10'000) + "'/>"},
      {"a trace", trace + "'/>"},
  };
  for (const auto& [name, content] : cases) {
    const io::DecodingMemory memory;
    const auto image = io::decode_image(sized(content), name);
    std::cout << name << ": held " << io::held_decoding_memory() / kMega << " MiB\n";
    EXPECT_EQ(image.size(0), 1000) << name;
  }
}

TEST(DecodingPeak, DrawingsThatTakeMoreAreRefused) {
  if (const auto why = no_measurement(); !why.empty()) GTEST_SKIP() << why;
  std::string points;
  uint32_t random = 1;
  for (int k = 0; k < 16'000; ++k) {
    random = random * 1664525 + 1013904223;
    points += text(random >> 22, k % 2 ? ' ' : ',');
  }
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"crossings", sized("<polygon fill-rule='evenodd' points='" + points + "'/>", 256)},
      {"a tile", testing::vast_tile()},
      {"masks of masks", testing::masks_of_masks()},
  };
  const int64_t before = testing::process_bytes("RssAnon");  // a forked process has no others at first
  for (const auto& [name, bytes] : cases) {
    const io::DecodingMemory memory;
    const auto message = testing::message_of([&, &bytes = bytes] { io::decode_image(bytes, "a.svg"); });
    EXPECT_NE(message.find("a.svg: this SVG file cannot be decoded: drawing it "), std::string::npos)
        << name << ": " << message;
    EXPECT_NE(message.find(" MiB of memory"), std::string::npos) << name << ": " << message;
    const int64_t held = io::held_decoding_memory();
    rusage children{};
    ::getrusage(RUSAGE_CHILDREN, &children);
    const int64_t taken = (int64_t{children.ru_maxrss} << 10) - before;
    std::cout << name << ": held " << held / kMega << " MiB, taken " << taken / kMega << " MiB\n";
    EXPECT_LE(taken, held + 48 * kMega) << name;  // with what such a process may keep
  }
}

TEST(DecodingPeak, IsNoMoreThanWhatIsHeldForResizing) {
  if (const auto why = no_measurement(); !why.empty()) GTEST_SKIP() << why;
  struct Case {
    const char* name;
    int64_t channels;
    torch::ScalarType type;
    PreparationOptions options;
  };
  const PreparationOptions first{.height = 64, .width = 64, .resize_to = 3000};
  const PreparationOptions result{.height = 2400, .width = 2400};
  PreparationOptions both{.height = 2000, .width = 2000, .resize_to = 2400};
  both.crop = "1500x1500+10,10";
  const PreparationOptions less{.height = 64, .width = 64, .resize_to = 2390};
  const std::vector<Case> cases = {
      {"resize_to, RGB", 3, torch::kUInt8, first},      {"resize_to, RGBA", 4, torch::kUInt8, first},
      {"resize_to, 16 bits", 4, torch::kUInt16, first}, {"size, RGBA", 4, torch::kUInt8, result},
      {"size, 16 bits", 3, torch::kUInt16, result},     {"both, RGBA", 4, torch::kUInt8, both},
      {"a little less, RGBA", 4, torch::kUInt8, less},  {"a little less, 16 bits", 4, torch::kUInt16, less},
      {"both, 16 bits", 4, torch::kUInt16, both},
  };
  for (const auto& [name, channels, type, options] : cases) {
    peak_and_held(io::encode_png(torch::zeros({8, 8, 3}, torch::kUInt8)), false);
    const int64_t side = options.resize_to == less.resize_to ? kSide : 100;
    expect_below(name, peak_and_held(io::encode_png(ramps(side, channels, type)), type == torch::kUInt16, options));
  }
}

}  // namespace
}  // namespace monge::data
