// Columns of vectors brought to mean 0 and standard deviation 1, and back.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/core/value_names.h"
#include "monge/data/source.h"
#include "monge/data/wrapped_source.h"

namespace monge::data {

/// An affine map of each column, z = (x - mean) / scale. Computed in double, by plain code in the calling thread, so
/// that it gives the same bits wherever it is called.
struct Columns {
  torch::Tensor mean, scale;  ///< float64 [D], finite; scale above 0

  /// Raw rows in standard units. @param rows_ND  any real type, on the CPU; give float64 where float32 would lose
  /// digits.
  /// @return float32 [N, D], rounded once. @throws InputError for another shape.
  torch::Tensor apply(const torch::Tensor& rows_ND) const;

  /// The same in float64, not rounded.
  torch::Tensor apply_exactly(const torch::Tensor& rows_ND) const;

  /// The inverse: rows in standard units as raw ones. @return float64 [N, D].
  torch::Tensor undo(const torch::Tensor& rows_ND) const;

  /// Of each column the smallest difference between raw values that float32 arithmetic in standard units resolves:
  /// scale 2^-24. What `undo` gives below it are not digits of the map.
  std::vector<double> resolution() const;
};

/// What is done to the two sides of a transport problem.
struct Standardisation {
  Columns source, target;  ///< the same where the statistics are of both sides together
};

/// By which statistics a side is standardised.
enum class StandardiseBy {
  each,   ///< every side by its own columns
  joint,  ///< both sides by the mean and the standard deviation of their even mixture: they keep their places to one
          ///< another
  scale   ///< both by that mean and one scale for all columns, the root of their mean variance in that mixture:
          ///< distances keep their proportions, so the optimal map stays the optimal map
};
const ValueNames<StandardiseBy>& standardise_names();

/// Measures the columns of two sources of vectors.
///
/// The statistics are of all items where they are at most kMostRows (fewer of long rows: 2^26 entries, but at least
/// 1,024 rows), else of that many, chosen as a pure function of the seed; of an endless law, of that many draws. They
/// are computed in double from Source::exact_items. The standard deviation has the divisor N. A column without any
/// spread gets the scale 1.
/// @param kind  see standardise_names.
/// @param log   told how many rows were seen, which columns have no spread, and, by a warning, which have values so far
/// from the
///              others that the scale is theirs alone (see FillValues).
/// @throws InputError  for images, for sides of different dimensions under "joint" and "scale", or when an item cannot
/// be read.
Standardisation measure_columns(const Source& source, const Source& target, const std::string& kind, uint64_t seed,
                                const LogSink& log = silent());

/// Items of a source of vectors in standard units, made from its exact items; shares the source and has its name.
class StandardisedSource : public WrappedSource {
 public:
  /// @throws InputError for images, or when the columns are of another dimension.
  StandardisedSource(std::shared_ptr<const Source> whole, Columns columns);

  const Source& raw() const { return whole(); }  ///< the same items in raw units
  const Columns& columns() const { return columns_; }

  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;
  torch::Tensor exact_draw(int64_t n, torch::Generator generator) const override;

 private:
  Columns columns_;
};

/// The items of a source in raw units: those that a StandardisedSource shares, else the source itself.
const Source& raw_source(const Source& source);

/// As named tensors, for files: standardise/{source,target}/{mean,scale}.
std::vector<std::pair<std::string, torch::Tensor>> tensors_of(const Standardisation& standardisation);

/// Takes those out of the tensors of a file; nothing where there are none.
/// @param where  the file, for messages. @throws InputError when one is missing, of another shape or type, or no scale.
std::optional<Standardisation> take_standardisation(std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                                                    const std::string& where);

}  // namespace monge::data
