// Finds columns whose rows float32 cannot tell apart.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::data {

/// Columns whose differing values become equal when they are rounded to float32, or so nearly equal that mainly
/// rounding distinguishes their rows.
///
/// float32 keeps 24 bits, so the spacing of its numbers is about 1e-7 of their magnitude. Near 1.7e9, a time in seconds
/// since 1970, the spacing is 128: a column with a spread of some minutes loses all that distinguishes its rows. A
/// column is lost when one of these rules holds, each measured on the values themselves:
///
/// 1. The standard deviation of the error float32(x) - x is above kMostRounding times that of x. Rounding in steps of h
///    has the error h / sqrt(12), so the limit is reached when the steps are about 1 % of the standard deviation.
///    Measuring the error instead of the step spares values that float32 holds exactly, such as whole numbers below
///    2^24.
/// 2. The same holds for the middle half of the values, against the distance of the quartiles (in standard deviations
///    of a normal law). This catches what an outlier hides from the first rule: with one 0 among values of 1e9 +- 1,
///    the standard deviation is that of the outlier.
/// 3. One of the two holds for the values without the fill values of the column (see FillValues). This catches what
///    fill values hide from the quartiles: in a column of 0 and 1 with one 1e20, or in a column of mostly fill values.
///
/// No rule depends on the number of rows. A count of values that become equal would: with enough rows, every column has
/// some. A column whose spread is only the rounding of float64 (a few units in the last place) counts as constant, not
/// as lost.
/// @param rows_ND  float64 [N, D], a sample of the rows; values that are not finite are ignored.
/// @return the lost columns, ascending, counted from 0. @throws InputError for another shape.
std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND /*float64, a sample of rows*/);

/// The same for rows that are used in other units: x is the raw value, and scale * used equals float32(x) up to an
/// offset. This includes the loss in the standardisation itself: with a mean of 3e17, already x - mean in double has
/// one value for all x around 0, and comparing double with float32 in standard units would not show it.
/// @param rows_ND  float64 [N, D], raw.
/// @param used_ND  float32 [N, D], the inputs of the networks.
/// @param scale_D  float64 [D], the raw length of one unit of `used_ND`.
std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND, const torch::Tensor& used_ND,
                                             const torch::Tensor& scale_D);

/// See columns_lost_in_float32.
inline constexpr double kMostRounding = 0.003;

}  // namespace monge::data
