// Curves over iterations and points in the plane, as SVG text.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace monge::run {

/// One line of a plot. x and y have one length; a point that is not finite breaks the line.
struct Curve {
  std::string name;
  std::vector<double> x, y;
  bool dashed = false;  ///< for a reference such as a floor
};

struct PlotOptions {
  std::string title = {}, x_label = {}, y_label = {};
  int64_t width = 480, height = 280;  ///< pixels; 100..4000
  bool log_y = false;                 ///< values that are not positive break the line
};

/// A plot of curves with axes and a legend (for more than one curve), as an <svg> element that can stand in a page or a
/// file. A curve of more points than pixels is thinned to its extremes, so that peaks stay.
/// @throws InputError if a curve's x and y differ in length, or for a size out of its range.
std::string curves_svg(const std::vector<Curve>& curves, const PlotOptions& options);

/// Points of the plane: the source, the target, and the images of the source. Any part may be undefined or empty.
struct Scatter {
  torch::Tensor source = {};    ///< [N, 2], grey
  torch::Tensor target = {};    ///< [M, 2], blue
  torch::Tensor images = {};    ///< [K, 2], orange
  torch::Tensor segments = {};  ///< [S, 4]: x, y of a source point, then of its image; thin lines
  std::string title = {};
};

/// A scatter plot with one scale on both axes and a legend, `size` pixels square.
/// @throws InputError for other shapes, or a size outside of 100..4000.
std::string scatter_svg(const Scatter& scatter, int64_t size = 480);

/// The same without axes and text, as pixels: uint8 [size, size, 3] RGB.
torch::Tensor scatter_image(const Scatter& scatter, int64_t size = 480);

/// Text as it may stand in XML or HTML, in an attribute too.
std::string escaped(const std::string& text);

}  // namespace monge::run
