// Whether float32 can hold what distinguishes the rows of a table.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::data {

/// Columns whose differing values become equal when rounded to float32, or so nearly that what distinguishes rows is
/// rounding.
///
/// float32 keeps 24 bits, so that the spacing of its numbers is about 1e-7 of their magnitude. A time in seconds since
/// 1970 (1.7e9) moves in steps of 128 there: a column with a spread of some minutes loses all that tells its rows
/// apart. A column is lost when one of these holds, each measured on the values themselves:
///
///   1. The standard deviation of the error float32(x) - x is above kMostRounding times that of x. Rounding in steps of
///      h has the error h / sqrt(12), so this is where the steps are more than about 1 % of the standard deviation.
///      Measuring the error instead of the step spares values that float32 holds exactly, such as whole numbers below
///      2^24.
///   2. The same of the middle half of the values, against the distance of the quartiles (in standard deviations of a
///   normal
///      law). This catches what an outlier hides from the first rule: with one 0 among values of 1e9 +- 1, the standard
///      deviation is that of the outlier.
///   3. One of the two holds for the values without the fill values of the column (see FillValues). This catches what
///   they
///      hide from the quartiles: in a column of 0 and 1 with one 1e20, or in one of mostly fill values.
///
/// Neither depends on the number of rows, as a count of values that become equal would: of enough rows, those of every
/// column do. A column whose spread is only the rounding of float64 (a few units in the last place) counts as constant
/// and not as lost.
/// @param rows_ND  float64 [N, D], a sample of the rows; values that are not finite are left out.
/// @return the lost columns, ascending, counted from 0. @throws InputError for another shape.
std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND /*float64, a sample of rows*/);

/// The same of rows that are used in other units: x is the raw value and scale * used stands for float32(x), but for an
/// offset. What the standardisation itself loses counts too: with a mean of 3e17, already x - mean in double has one
/// value for all x around 0, so that a comparison of double with float32 in standard units would see nothing.
/// @param rows_ND  float64 [N, D], raw.
/// @param used_ND  float32 [N, D], what nets get of them.
/// @param scale_D  float64 [D], the raw length of a unit of `used_ND`.
std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND, const torch::Tensor& used_ND,
                                             const torch::Tensor& scale_D);

/// See columns_lost_in_float32.
inline constexpr double kMostRounding = 0.003;

}  // namespace monge::data
