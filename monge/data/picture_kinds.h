// The kinds of rows of pictures, one file each, for open_pictures to choose from. Not for other callers.
#pragma once

#include <memory>

#include "monge/data/pictures.h"

namespace monge::data {

std::shared_ptr<const Pictures> open_picture_file(const std::filesystem::path& path);
std::shared_ptr<const Pictures> open_picture_folder(const std::filesystem::path& folder, const LogSink& log);
std::shared_ptr<const Pictures> open_picture_archive(const std::filesystem::path& path, const LogSink& log);

/// Several archives in a row; pictures are named after their shard: "NAME-000/a.jpg".
std::shared_ptr<const Pictures> open_picture_shards(const std::string& pattern, const LogSink& log);

/// Size and time of a file, as a stamp; "" where there is none.
std::string file_stamp(const std::filesystem::path& path);

/// Whether any part of the name begins with a dot.
bool is_hidden(const std::filesystem::path& name);

}  // namespace monge::data
