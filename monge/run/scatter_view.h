// What the two renderings of a scatter plot share: checked points, colours, and the view of the plane.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "monge/run/plot.h"

namespace monge::run {

using Colour = std::array<uint8_t, 3>;

/// One kind of point. Colours from Okabe and Ito's set, which colour-blind readers can tell apart.
struct PointLayer {
  const char* name;
  Colour colour;
  double opacity;
  std::vector<std::array<double, 2>> points;  ///< finite ones alone
};

inline constexpr Colour segment_colour = {150, 150, 150};
inline constexpr double segment_opacity = 0.45;

/// A scatter ready to be drawn: a square view in which all points lie.
struct ScatterView {
  std::vector<PointLayer> layers;               ///< in the order of drawing; empty ones are left out
  std::vector<std::array<double, 4>> segments;  ///< finite ones alone
  double left = 0, bottom = 0, side = 1;        ///< of the view, in the plane's units
};

/// @throws InputError naming the part whose shape does not fit.
ScatterView view_of(const Scatter& scatter);

/// Radius of a point in pixels: smaller where there are many.
double point_radius(const ScatterView& view, int64_t size);

}  // namespace monge::run
