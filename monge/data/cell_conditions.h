// The conditions of "cells.h5ad?where=condition=ctrl,donor!=3".
#pragma once

#include <string>
#include <vector>

#include "monge/io/anndata.h"

namespace monge::data {

/// Parses COLUMN=VALUE and COLUMN!=VALUE, separated by commas, of which all must hold. A column or a value with a
/// comma, a quote, or a character of its own meaning ("=" or "!" in a column) is written in double quotes; quotes
/// within it are doubled.
/// @param where  the path, for messages. @throws InputError for anything else, showing the form.
std::vector<io::CellCondition> cell_conditions(const std::string& text, const std::string& where);

}  // namespace monge::data
