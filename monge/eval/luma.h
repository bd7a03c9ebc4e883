// The luma of a colour, by which metrics tell light and dark from colour.
#pragma once

namespace monge::eval {

/// The weights of red, green and blue in the luma of ITU-R BT.601, which sum to 1.
inline constexpr double kLumaWeights[3] = {0.299, 0.587, 0.114};

}  // namespace monge::eval
