// The part that both renderings of a scatter plot share: checked points, colours, and the view of the plane.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "monge/run/plot.h"

namespace monge::run {

using Colour = std::array<uint8_t, 3>;

/// One kind of point. The colours are from the set of Okabe and Ito, which colour-blind readers can distinguish.
struct PointLayer {
  const char* name;
  Colour colour;
  double opacity;
  std::vector<std::array<double, 2>> points;  ///< only finite ones
};

inline constexpr Colour kSegmentColour = {150, 150, 150};
inline constexpr double kSegmentOpacity = 0.45;

/// A scatter ready to be drawn: a square view in which all points lie.
struct ScatterView {
  std::vector<PointLayer> layers;               ///< in the order of drawing; empty ones are left out
  std::vector<std::array<double, 4>> segments;  ///< only finite ones
  double left = 0, bottom = 0, side = 1;        ///< of the view, in the plane's units
};

/// @throws InputError naming the part whose shape does not fit.
ScatterView view_of(const Scatter& scatter);

/// Radius of a point in pixels: the more points, the smaller.
double point_radius(const ScatterView& view, int64_t size);

}  // namespace monge::run
