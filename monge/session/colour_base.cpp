#include "monge/session/colour_base.h"

#include <algorithm>

#include "monge/core/vectorised.h"

namespace monge::session {
namespace {

/// Three rows of floats, one a channel.
struct ColourRow {
  float* channel[3];
  ColourRow from(int64_t at) const { return {{channel[0] + at, channel[1] + at, channel[2] + at}}; }
};

/// One pass for `count` neighbouring pixels p, with their neighbours on both sides.
MONGE_VECTORISED void mix(const ColourRow& p, const ColourRow& before, const ColourRow& after, const ColourRow& to,
                          int64_t count, float inverse_r2) {
  const float *p0 = p.channel[0], *p1 = p.channel[1], *p2 = p.channel[2];
  const float *a0 = before.channel[0], *a1 = before.channel[1], *a2 = before.channel[2];
  const float *b0 = after.channel[0], *b1 = after.channel[1], *b2 = after.channel[2];
  float *t0 = to.channel[0], *t1 = to.channel[1], *t2 = to.channel[2];
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) {
    const float da0 = a0[i] - p0[i], da1 = a1[i] - p1[i], da2 = a2[i] - p2[i];
    const float db0 = b0[i] - p0[i], db1 = b1[i] - p1[i], db2 = b2[i] - p2[i];
    float wa = 1 - (da0 * da0 + da1 * da1 + da2 * da2) * inverse_r2;
    float wb = 1 - (db0 * db0 + db1 * db1 + db2 * db2) * inverse_r2;
    wa = wa > 0 ? 0.5F * wa * wa : 0;
    wb = wb > 0 ? 0.5F * wb * wb : 0;
    const float scale = 1 / (1 + wa + wb);
    t0[i] = p0[i] + scale * (wa * da0 + wb * db0);
    t1[i] = p1[i] + scale * (wa * da1 + wb * db1);
    t2[i] = p2[i] + scale * (wa * da2 + wb * db2);
  }
}

}  // namespace

ColourBase::ColourBase(int64_t height, int64_t width) : width_(width) {
  for (int64_t step = 1; step == 1 || step <= std::max(height, width) / 48; step *= 2) {
    steps_.push_back(step);
    halo_ += step;
  }
}

void ColourBase::smooth(float* planes, int64_t rows) const {
  const int64_t plane = rows * width_;
  constexpr float inverse_r2 = 1 / (kEdge * kEdge);
  std::vector<float> other(static_cast<size_t>(3 * plane));
  const std::vector<float> original(planes, planes + 3 * plane);
  const auto row_of = [&](float* from, int64_t y) {
    return ColourRow{{from + y * width_, from + plane + y * width_, from + 2 * plane + y * width_}};
  };
  // A pixel whose neighbour would lie outside takes itself in its place.
  for (const int64_t step : steps_) {
    const int64_t inner = std::clamp<int64_t>(width_ - 2 * step, 0, width_), edge = (width_ - inner + 1) / 2;
    for (int64_t y = 0; y < rows; ++y) {  // along rows, to `other`
      const auto p = row_of(planes, y), to = row_of(other.data(), y);
      const auto mix_one = [&](int64_t x) {
        mix(p.from(x), p.from(x >= step ? x - step : x), p.from(x + step < width_ ? x + step : x), to.from(x), 1,
            inverse_r2);
      };
      for (int64_t x = 0; x < edge; ++x) mix_one(x);
      if (inner > 0) mix(p.from(step), p, p.from(2 * step), to.from(step), inner, inverse_r2);
      for (int64_t x = edge + inner; x < width_; ++x) mix_one(x);
    }
    for (int64_t y = 0; y < rows; ++y) {  // along columns, back
      mix(row_of(other.data(), y), row_of(other.data(), y >= step ? y - step : y),
          row_of(other.data(), y + step < rows ? y + step : y), row_of(planes, y), width_, inverse_r2);
    }
  }
  for (int64_t i = 0; i < 3 * plane; ++i) {
    const float x = original[static_cast<size_t>(i)];
    planes[i] = std::clamp(planes[i], x - kMostDetail, x + kMostDetail);
  }
}

}  // namespace monge::session
