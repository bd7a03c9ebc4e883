// Decodes animated WebP files, by libwebpdemux, which the library does not use.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>
#include <webp/demux.h>

#include <memory>
#include <string>
#include <vector>

namespace monge::testing {

struct Animation {
  std::vector<torch::Tensor> frames;  ///< uint8 [H, W, 4], as they are shown
  std::vector<int64_t> milliseconds;  ///< how long each is shown
  int64_t loops = -1;                 ///< 0: endless
};

inline Animation decode_animation(const std::string& bytes) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, nullptr),
                                                                                   WebPAnimDecoderDelete);
  Animation out;
  if (!decoder) {
    ADD_FAILURE() << "no animated WebP";
    return out;
  }
  WebPAnimInfo info;
  WebPAnimDecoderGetInfo(decoder.get(), &info);
  out.loops = info.loop_count;
  int until = 0, before = 0;
  for (uint8_t* pixels = nullptr; WebPAnimDecoderHasMoreFrames(decoder.get()); before = until) {
    if (!WebPAnimDecoderGetNext(decoder.get(), &pixels, &until)) {
      ADD_FAILURE() << "a frame cannot be decoded";
      break;
    }
    const auto height = static_cast<int64_t>(info.canvas_height), width = static_cast<int64_t>(info.canvas_width);
    out.frames.push_back(torch::from_blob(pixels, {height, width, 4}, torch::kUInt8).clone());
    out.milliseconds.push_back(until - before);
  }
  return out;
}

}  // namespace monge::testing
