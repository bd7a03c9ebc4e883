// Curves over iterations and points in the plane, as SVG text.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace monge::run {

/// One line of a plot. x and y have equal lengths; a point that is not finite breaks the line.
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

/// A plot of curves with axes and, for more than one curve, a legend. It is an <svg> element, for a page or for a file
/// of its own. A curve with more points than pixels is thinned to its extremes, so that peaks remain visible.
/// @throws InputError if a curve's x and y differ in length, or for a size out of its range.
std::string curves_svg(const std::vector<Curve>& curves, const PlotOptions& options);

/// Points in the plane: the source, the target, and the outputs of the map (the images of source points). Any part may
/// be undefined or empty.
struct Scatter {
  torch::Tensor source = {};    ///< [N, 2], grey
  torch::Tensor target = {};    ///< [M, 2], blue
  torch::Tensor images = {};    ///< [K, 2], orange
  torch::Tensor segments = {};  ///< [S, 4]: x, y of a source point, then of its output; thin lines
  std::string title = {};
};

/// A scatter plot with one scale on both axes and a legend, `size` pixels square.
/// @throws InputError for other shapes, or a size outside of 100..4000.
std::string scatter_svg(const Scatter& scatter, int64_t size = 480);

/// The same plot as pixels, without axes and text: uint8 [size, size, 3] RGB.
torch::Tensor scatter_image(const Scatter& scatter, int64_t size = 480);

/// Text escaped for XML and HTML, also for attributes.
std::string escaped(const std::string& text);

}  // namespace monge::run
