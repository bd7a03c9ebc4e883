#include "monge/run/plot.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/run/axis.h"
#include "monge/run/scatter_view.h"

namespace monge::run {
namespace {

constexpr const char* kCurveColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"};
constexpr double kLeftMargin = 58, kRightMargin = 14, kTopMargin = 26, kBottomMargin = 38;

/// A length in pixels, rounded to a tenth.
std::string px(double value) { return number(std::round(value * 10) / 10, 6); }

std::string text_at(double x, double y, const std::string& anchor, const std::string& content,
                    const std::string& more = {}) {
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" +
         escaped(content) + "</text>\n";
}

std::string line_between(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" + px(x2) + "\" y2=\"" + px(y2) + "\" " + style +
         "/>\n";
}

/// The rectangle into which data are drawn, and its axes.
struct Frame {
  Axis x, y;
  double left, top, width, height;

  double to_x(double value) const { return left + width * x.position(value); }
  double to_y(double value) const { return top + height * (1 - y.position(value)); }
};

std::string begin_svg(double width, double height, const std::string& title) {
  const auto size = px(width) + "\" height=\"" + px(height);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + "\" viewBox=\"0 0 " + px(width) + " " +
         px(height) + "\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#333\">\n<rect width=\"" + size +
         "\" fill=\"#fff\"/>\n" + text_at(width / 2, 16, "middle", title, " font-size=\"13\" font-weight=\"bold\"");
}

std::string axes(const Frame& frame, const std::string& x_label, const std::string& y_label) {
  const double right = frame.left + frame.width, bottom = frame.top + frame.height;
  std::string out;
  for (const double tick : frame.x.ticks) {
    const double at = frame.to_x(tick);
    out += line_between(at, frame.top, at, bottom, "stroke=\"#e4e4e4\"");
    out += text_at(at, bottom + 13, "middle", number(tick));
  }
  for (const double tick : frame.y.ticks) {
    const double at = frame.to_y(tick);
    out += line_between(frame.left, at, right, at, "stroke=\"#e4e4e4\"");
    out += text_at(frame.left - 5, at + 4, "end", number(tick));
  }
  out += "<rect x=\"" + px(frame.left) + "\" y=\"" + px(frame.top) + "\" width=\"" + px(frame.width) + "\" height=\"" +
         px(frame.height) + "\" fill=\"none\" stroke=\"#888\"/>\n";
  out += text_at(frame.left + frame.width / 2, bottom + 29, "middle", x_label);
  const double middle = frame.top + frame.height / 2;
  out += text_at(13, middle, "middle", y_label, " transform=\"rotate(-90 13 " + px(middle) + ")\"");
  return out;
}

/// Indices of the first, last, lowest and highest point of each pixel column, and of every gap.
std::vector<size_t> thinned(const Frame& frame, const Curve& curve) {
  std::vector<size_t> out;
  size_t begin = 0;
  const auto column = [&](size_t i) {
    const double drawable = frame.x.position(curve.x[i]) * frame.y.position(curve.y[i]);
    return std::isfinite(drawable) ? std::floor(frame.to_x(curve.x[i])) : NAN;
  };
  while (begin < curve.x.size()) {
    const double here = column(begin);
    size_t end = begin + 1, lowest = begin, highest = begin;
    for (; end < curve.x.size() && column(end) == here; ++end) {
      if (curve.y[end] < curve.y[lowest]) lowest = end;
      if (curve.y[end] > curve.y[highest]) highest = end;
    }
    std::vector<size_t> kept = {begin, lowest, highest, end - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    out.insert(out.end(), kept.begin(), kept.end());
    begin = end;
  }
  return out;
}

std::string path_of(const Frame& frame, const Curve& curve, const char* colour) {
  std::string path, dots;
  bool open = false;
  const auto indices = thinned(frame, curve);
  const auto drawable = [&](size_t i) {
    return std::isfinite(frame.to_x(curve.x[indices[i]]) + frame.to_y(curve.y[indices[i]]));
  };
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!drawable(i)) {
      open = false;
      continue;
    }
    const auto x = px(frame.to_x(curve.x[indices[i]])), y = px(frame.to_y(curve.y[indices[i]]));
    if (!open && (i + 1 == indices.size() || !drawable(i + 1))) {  // a single point has no line
      dots += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"2\" fill=\"" + colour + "\"/>\n";
    }
    path += (open ? 'L' : 'M') + x + ' ' + y;
    open = true;
  }
  if (path.empty()) return dots;
  return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\"" +
         (curve.dashed ? " stroke-dasharray=\"5 4\"" : "") + "/>\n" + dots;
}

std::string css(const Colour& colour) {
  return text("rgb(", int{colour[0]}, ",", int{colour[1]}, ",", int{colour[2]}, ")");
}

void check_size(int64_t size) { require(size >= 100 && size <= 4000, "plot: size = ", size, " (allowed: 100..4000)"); }

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::string curves_svg(const std::vector<Curve>& curves, const PlotOptions& options) {
  check_size(options.width);
  check_size(options.height);
  std::vector<double> xs, ys;
  for (const auto& curve : curves) {
    require(curve.x.size() == curve.y.size(), "plot: the curve \"", curve.name, "\" has ", curve.x.size(),
            " x values and ", curve.y.size(), " y values");
    xs.insert(xs.end(), curve.x.begin(), curve.x.end());
    ys.insert(ys.end(), curve.y.begin(), curve.y.end());
  }
  const double width = static_cast<double>(options.width), height = static_cast<double>(options.height);
  const Frame frame{.x = fit_axis(xs),
                    .y = fit_axis(ys, options.log_y),
                    .left = kLeftMargin,
                    .top = kTopMargin,
                    .width = width - kLeftMargin - kRightMargin,
                    .height = height - kTopMargin - kBottomMargin};
  std::string out = begin_svg(width, height, options.title) + axes(frame, options.x_label, options.y_label);
  for (size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kCurveColours[i % std::size(kCurveColours)];
    out += path_of(frame, curves[i], colour);
    if (curves.size() < 2) continue;
    const double y = frame.top + 12 + 14 * static_cast<double>(i), right = frame.left + frame.width - 8;
    const std::string style = std::string("stroke-width=\"2\" stroke=\"") + colour + "\"" +
                              (curves[i].dashed ? " stroke-dasharray=\"5 4\"" : "");
    out += line_between(right - 22, y - 4, right, y - 4, style);
    out += text_at(right - 27, y, "end", curves[i].name);
  }
  return out + "</svg>\n";
}

std::string scatter_svg(const Scatter& scatter, int64_t size) {
  check_size(size);
  const auto view = view_of(scatter);
  const double side = static_cast<double>(size), top = kTopMargin + 16;
  const double inner = side - std::max(kLeftMargin + kRightMargin, top + kBottomMargin);
  auto horizontal = fit_axis({view.left, view.left + view.side}),
       vertical = fit_axis({view.bottom, view.bottom + view.side});
  for (auto [axis, low] : {std::pair{&horizontal, view.left}, std::pair{&vertical, view.bottom}}) {
    axis->low = low;
    axis->high = low + view.side;
    std::erase_if(axis->ticks, [axis = axis](double tick) { return tick < axis->low || tick > axis->high; });
  }
  const Frame frame{.x = horizontal, .y = vertical, .left = kLeftMargin, .top = top, .width = inner, .height = inner};

  std::string out = begin_svg(side, side, scatter.title) + axes(frame, "", "");
  out += "<g stroke=\"" + css(kSegmentColour) + "\" stroke-opacity=\"" + number(kSegmentOpacity) + "\">\n";
  for (const auto& s : view.segments) {
    out += line_between(frame.to_x(s[0]), frame.to_y(s[1]), frame.to_x(s[2]), frame.to_y(s[3]), "stroke-width=\"0.8\"");
  }
  out += "</g>\n";
  const auto radius = px(point_radius(view, size));
  double legend = kLeftMargin + 6;
  for (const auto& layer : view.layers) {
    out += "<g fill=\"" + css(layer.colour) + "\" fill-opacity=\"" + number(layer.opacity) + "\">\n";
    for (const auto& point : layer.points) {
      out += "<circle cx=\"" + px(frame.to_x(point[0])) + "\" cy=\"" + px(frame.to_y(point[1])) + "\" r=\"" + radius +
             "\"/>\n";
    }
    out += "</g>\n<circle cx=\"" + px(legend) + "\" cy=\"" + px(top - 9) + "\" r=\"4\" fill=\"" + css(layer.colour) +
           "\"/>\n" + text_at(legend + 8, top - 5, "start", layer.name);
    legend += 70;
  }
  return out + "</svg>\n";
}

}  // namespace monge::run
