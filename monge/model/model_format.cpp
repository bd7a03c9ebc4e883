#include "monge/model/model_format.h"

#include "monge/core/format_version.h"

namespace monge::model {

void require_known_format(const std::map<std::string, std::string>& metadata, const std::string& path) {
  const auto format = metadata.find(kFormatKey);
  if (format != metadata.end()) require_format_version(path, "model file", format->second, kFormat);
}

}  // namespace monge::model
