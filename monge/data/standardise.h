// Standardises the columns of vectors to mean 0 and standard deviation 1, and inverts it.
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

/// An affine map of each column, z = (x - mean) / scale. Of rows on the CPU it is computed in double by plain code in
/// the calling thread, so the bits are the same wherever it is called; of rows on a GPU, by LibTorch in double.
struct Columns {
  torch::Tensor mean, scale;  ///< float64 [D], finite; scale above 0

  /// Converts raw rows to standard units.
  /// @param rows_ND  any real type, on any device; pass float64 if float32 would lose digits.
  /// @return float32 [N, D] on that device, rounded once. @throws InputError for another shape.
  torch::Tensor apply(const torch::Tensor& rows_ND) const;

  /// The same in float64, not rounded.
  torch::Tensor apply_exactly(const torch::Tensor& rows_ND) const;

  /// The inverse: converts rows in standard units to raw units. @return float64 [N, D].
  torch::Tensor undo(const torch::Tensor& rows_ND) const;

  /// For each column, the smallest difference between raw values that float32 arithmetic in standard units resolves:
  /// scale 2^-24. Digits of `undo` below it carry no information about the map.
  std::vector<double> resolution() const;
};

/// The standardisation of the two sides of a transport problem.
struct Standardisation {
  Columns source, target;  ///< equal if the statistics are those of both sides together
};

/// The statistics by which a side is standardised.
enum class StandardiseBy {
  each,   ///< every side by its own columns
  joint,  ///< both sides by the mean and the standard deviation of their even mixture, so their relative position is
          ///< kept
  scale   ///< both by that mean and one scale for all columns, the root of their mean variance in that mixture:
          ///< distances keep their proportions, so the optimal map is the same
};
const ValueNames<StandardiseBy>& standardise_names();

/// Measures the columns of two sources of vectors.
///
/// If a source has at most kMostRows items (fewer for long rows: 2^26 entries, but at least 1,024 rows), the statistics
/// are those of all items. Otherwise they are those of so many items, chosen as a pure function of the seed. For an
/// endless law they are those of so many draws. They are computed in double from Source::exact_items. The standard
/// deviation has the divisor N. A column without any spread gets the scale 1.
/// @param kind  see standardise_names.
/// @param log  is informed how many rows were read and which columns have no spread, and warned of columns with values
///             so far from the others that they alone determine the scale (see FillValues).
/// @throws InputError for images, for sides of different dimensions under "joint" and "scale", or when an item cannot
///     be read.
Standardisation measure_columns(const Source& source, const Source& target, const std::string& kind, uint64_t seed,
                                const LogSink& log = silent());

/// The items of a source of vectors in standard units, computed from its exact items. Keeps the source and has its
/// name.
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

/// The source in raw units: the one that a StandardisedSource keeps, else the source itself.
const Source& raw_source(const Source& source);

/// The standardisation as named tensors, for files: standardise/{source,target}/{mean,scale}.
std::vector<std::pair<std::string, torch::Tensor>> tensors_of(const Standardisation& standardisation);

/// Removes these tensors from the tensors of a file and returns their standardisation; nothing if there are none.
/// @param where  the file, for messages.
/// @throws InputError when a tensor is missing, of another shape or type, or is no scale.
std::optional<Standardisation> take_standardisation(std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                                                    const std::string& where);

}  // namespace monge::data
