// Applies a map to the items of one input. Internal to the session.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "monge/core/random.h"
#include "monge/data/source.h"
#include "monge/model/model.h"
#include "monge/session/translation.h"
#include "monge/session/translation_grid.h"

namespace monge::session {

/// The noise of an item depends on the seed and the item's name alone, or with TranslateOptions::noise = "fixed" on the
/// seed alone: not on the batch, the tiles or the other items.
class Translator {
 public:
  /// @param options, model, source  must outlive this. A model at_any_size() is applied in tiles.
  /// @param trained  the shape of the items in training, [C, H, W]; may be empty.
  Translator(const TranslateOptions& options, const model::Model& model, const data::Source& source,
             std::vector<int64_t> trained);

  /// Whether each image is translated by itself, because the sizes differ or are large.
  bool one_by_one() const { return one_by_one_; }

  /// The places t of the outputs, see times_of.
  const std::vector<double>& times() const { return times_; }

  /// Outputs per item. An input that carries its noise has one output.
  int64_t samples() const { return model_.stochastic() && !carries_noise_ ? options_.samples : 1; }

  /// Called with the number of an item, of one of its outputs and of a time, and with the output, [C, H, W].
  using UseOutput = std::function<void(int64_t item, int64_t sample, int64_t step, const torch::Tensor& y_CHW)>;
  /// Called with the number of an image that cannot be read any more, and with the reason.
  using LeaveOut = std::function<void(int64_t item, const std::string& reason)>;
  /// Called before each part of the work with the parts that are done and their number; false ends it.
  using Proceed = std::function<bool(int64_t done, int64_t total)>;

  /// The outputs of items [begin, begin + length), all of one shape, at each of the times.
  /// @return  [length, samples, ...] for each of them; empty when `proceed` ended it.
  std::vector<torch::Tensor> outputs(int64_t begin, int64_t length, const Proceed& proceed = {});

  /// Passes the outputs of images [begin, begin + length) to `use`, one after the other: for each image the samples,
  /// and for each of those all times. Of images that are translated one by one, and of the steps of an output, only one
  /// is in memory.
  /// @param leave_out  receives images that cannot be read, which are skipped; if empty, the first of them is an error.
  /// @return false when `proceed` ended it.
  bool for_each_output(int64_t begin, int64_t length, const UseOutput& use, const Proceed& proceed = {},
                       const LeaveOut& leave_out = {});

  /// The weights of the items translated so far, [N] float32; undefined unless the options name a file for them.
  const torch::Tensor& weights() const { return weights_; }

  /// The number of values that clamping has changed.
  int64_t clamped() const { return clamped_; }

  /// Writes the image of the first inputs and their outputs.
  /// @param own    number of items that this rank has translated, from the first one on. The image may need more items,
  ///               which are translated here.
  /// @param batch  items per batch.
  /// @param leave_out  as in for_each_output.
  void write_grid(int64_t own, int64_t batch, const LeaveOut& leave_out = {});

 private:
  torch::Generator stream_of(int64_t item, int64_t step) const;
  bool fits_a_batch(torch::IntArrayRef item) const;
  torch::Tensor items(int64_t begin, int64_t length) const;
  torch::Tensor in_units_at(const torch::Tensor& noise, double t) const;
  torch::Tensor bridge_noise(const torch::Tensor& y, int64_t begin) const;
  torch::Tensor batch_outputs(const torch::Tensor& x, int64_t begin);
  bool add_residuals(int64_t item, const torch::Tensor& x, const UseOutput& use, const Proceed& proceed);
  bool read(int64_t begin, int64_t length, const LeaveOut& leave_out, torch::Tensor& x) const;
  bool for_each_output_of(int64_t item, torch::Tensor x, const UseOutput& use, const Proceed& proceed);
  bool use_samples(int64_t item, const torch::Tensor& x_CHW, const torch::Tensor& y_KCHW, const UseOutput& use,
                   const Proceed& proceed);
  bool use_steps(int64_t item, int64_t sample, const torch::Tensor& x_CHW, const torch::Tensor& y_CHW,
                 const UseOutput& use, const Proceed& proceed);
  bool interpolates() const { return times_.size() > 1 || times_[0] != 1; }
  bool is_shown(int64_t item) const { return !options_.grid.empty() && item < options_.grid_rows; }
  void show_input(int64_t item, const torch::Tensor& x_CHW);

  const TranslateOptions& options_;
  const model::Model& model_;
  const data::Source& source_;
  std::vector<int64_t> trained_;
  std::vector<double> times_;
  RandomStreams streams_;
  bool residual_;  ///< whether images keep their size and get the change of a small copy, see model/small_copy.h
  bool one_by_one_;
  bool carries_noise_;  ///< whether the input has its noise channels, see Model::inputs
  int64_t clamped_ = 0;
  torch::Tensor weights_;
  TranslationGrid grid_;
};

}  // namespace monge::session
