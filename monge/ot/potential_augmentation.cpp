#include "monge/ot/potential_augmentation.h"

#include <cmath>

#include "monge/core/error.h"

namespace monge::ot {
namespace {

constexpr double kBrightness = 0.4;  // deviations; brightness 0.2 of the range [0, 1]
constexpr double kContrast = 0.5;    // of log2
constexpr double kSaturation = 1.0;  // of log2
constexpr double kShift = 1.0 / 8;   // of a side

/// The columns of the draws: whether a change is made, then how far it goes.
enum class Draw {
  mirror,
  shift,
  brightness,
  contrast,
  hue,
  saturation,
  rows_by,
  columns_by,
  brightness_by,
  contrast_by,
  hue_by,
  saturation_by,
  count
};

/// The numbers of one batch of images, repeated for the samples of an input.
class Changes {
 public:
  Changes(const PotentialAugmentation& of, int64_t samples)
      : strength_(of.strength), draws_(samples == 1 ? of.draws_BK : of.draws_BK.repeat_interleave(samples, 0)) {}

  torch::Tensor column(Draw c) const { return draws_.select(1, static_cast<int64_t>(c)); }

  /// Whether a change is made, bool [N]. @param fraction  of the strength: its probability.
  torch::Tensor made(Draw c, double fraction = 1) const {
    return strength_.tensor.defined() ? column(c) < fraction * strength_.tensor
                                      : column(c) < fraction * strength_.value;
  }

  /// N(0, 1) where the change is made, else 0.
  torch::Tensor normal(Draw gate, Draw amount) const {
    return torch::special_ndtri(column(amount).clamp(1e-6, 1 - 1e-6)) * made(gate);
  }

 private:
  HostOrDeviceScalar strength_;
  torch::Tensor draws_;
};

/// The place from which each row or column of an image is taken, int64 [N, size].
torch::Tensor places(const Changes& changes, Draw amount, int64_t size, bool mirrored) {
  const double most = std::floor(static_cast<double>(size) * kShift);
  const auto steps =
      ((changes.column(amount) * (2 * most + 1)).floor().clamp_max(2 * most) - most) * changes.made(Draw::shift);
  auto at = (torch::arange(size, steps.options()) + steps.unsqueeze(1)).abs();
  at = torch::where(at < size, at, 2 * static_cast<double>(size - 1) - at);
  if (mirrored) at = torch::where(changes.made(Draw::mirror, 0.5).unsqueeze(1), static_cast<double>(size - 1) - at, at);
  return at.to(torch::kInt64);
}

/// Mirrored and shifted images. data::augmented does the same with uint8 batches of any layout and no strength.
torch::Tensor moved(const torch::Tensor& y, const Changes& changes) {
  const int64_t height = y.size(2), width = y.size(3);
  const auto rows = places(changes, Draw::rows_by, height, false).view({-1, 1, height, 1});
  const auto columns = places(changes, Draw::columns_by, width, true).view({-1, 1, 1, width});
  return y.gather(2, rows.expand_as(y)).gather(3, columns.expand_as(y));
}

torch::Tensor recoloured(const torch::Tensor& y, const Changes& changes) {
  const auto per_image = [&](const torch::Tensor& values) { return values.to(y.scalar_type()).view({-1, 1, 1, 1}); };
  const auto c = per_image(torch::exp2(kContrast * changes.normal(Draw::contrast, Draw::contrast_by)));
  const auto b = per_image(kBrightness * changes.normal(Draw::brightness, Draw::brightness_by));
  if (y.size(1) != 3) return c * y + b;
  const auto s = torch::exp2(kSaturation * changes.normal(Draw::saturation, Draw::saturation_by));
  const auto h = 2 * M_PI * (changes.column(Draw::hue_by) - 0.5) * changes.made(Draw::hue);
  const auto grey = y.mean(1, /*keepdim=*/true);
  // K y = (y_3 - y_2, y_1 - y_3, y_2 - y_1) / sqrt 3
  const auto turned = (y.roll(1, 1) - y.roll(-1, 1)) * (1 / std::sqrt(3.0));
  return c * (grey + per_image(s * h.cos()) * (y - grey) + per_image(s * h.sin()) * turned) + b;
}

}  // namespace

const ValueNames<AugmentationKind>& augmentation_kinds() {
  static const ValueNames<AugmentationKind> names{{"none", AugmentationKind::none},
                                                  {"geometry", AugmentationKind::geometry},
                                                  {"colour", AugmentationKind::colour},
                                                  {"all", AugmentationKind::all}};
  return names;
}

torch::Tensor PotentialAugmentation::apply(const torch::Tensor& y, int64_t samples) const {
  if (!defined()) return y;
  require(y.dim() == 4, "an augmentation of the potential changes images [B, C, H, W], got ", y.sizes());
  const Changes changes(*this, samples);
  auto out = kind == AugmentationKind::colour ? y : moved(y, changes);
  return kind == AugmentationKind::geometry ? out : recoloured(out, changes);
}

PotentialAugmentation PotentialAugmentation::piece(int64_t begin, int64_t length) const {
  if (!defined()) return *this;
  return {kind, draws_BK.narrow(0, begin, length), strength};
}

PotentialAugmentation draw_augmentation(AugmentationKind kind, int64_t batch, const HostOrDeviceScalar& strength,
                                        const ItemDraws& draws) {
  if (kind == AugmentationKind::none) return {};
  return {kind, torch::special_ndtr(draws.normal({batch, static_cast<int64_t>(Draw::count)})), strength};
}

}  // namespace monge::ot
