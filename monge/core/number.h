// Numbers as people read them.
#pragma once

#include <string>

namespace monge {

/// The shortest text of at most `digits` digits, the same in every locale: "0.25", "1e-05", "nan".
std::string number(double value, int digits = 4);

}  // namespace monge
