// The kinds of data that open_source can open, one row each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/images.h"
#include "monge/data/source.h"

namespace monge::data {

/// The path of samples, and the preparation of images.
struct SourceOptions {
  std::string path;          ///< what to open, see open_source
  ImageOptions images = {};  ///< for images and glyphs; vectors need none of it
};

/// How one kind of data is named, recognised and opened. A component defines its row in its own files, such as toys.h;
/// source_kinds.cpp lists the rows.
struct SourceKind {
  std::string name;  ///< "folder of images", for messages
  /// The prefix in "PREFIX:..." (see Spec). A line with the prefix of a kind is of that kind, whatever files exist.
  std::string prefix = {};
  std::string help;           ///< what to write in source.path: "toy:NAME?dim=2"
  std::string accepted = {};  ///< the same without options, for a list of what can be opened; may be empty
  /// The place of `help` and `accepted` in such lists; rows of one place stay in order.
  int place = 1000;
  /// Whether a path without a prefix is of this kind. Not for kinds with a prefix.
  std::function<bool(const std::string& path)> matches = {};
  /// @throws InputError naming the path and what is wrong with it.
  std::function<std::shared_ptr<const Source>(const SourceOptions&, const LogSink&, const ProgressCallback&)> open;
};

/// The registered rows. A path is tried on those with a prefix first, then on the others in order. The first match
/// counts.
class SourceKinds {
 public:
  /// Adds a kind from a program or test outside the library, after the others. Not thread-safe: call it before the
  /// first open_source.
  /// @throws InputError for a name or prefix that is taken, a row without `open`, or one with neither or both of
  ///     `prefix` and `matches`.
  void add(SourceKind kind);

  /// The kind of `path`; null if no kind matches. @throws InputError for invalid parameters in the path.
  const SourceKind* find(const std::string& path) const;

  /// "folder, archive, ..., font:FILE.ttf or w2bench:FILE": the help of all kinds.
  std::string help() const;

  /// "a folder of images; .zip .tar ...; w2bench:FILE.safetensors": what all kinds accept.
  std::string accepted() const;

  /// "toy:NAME, font:FILE.ttf or w2bench:FILE.safetensors": what those with a prefix accept.
  std::string accepted_prefixes() const;

  const std::vector<SourceKind>& rows() const { return rows_; }

 private:
  friend SourceKinds& source_kinds();
  explicit SourceKinds(std::vector<SourceKind> rows) : rows_(std::move(rows)) {}

  std::vector<const SourceKind*> by_place() const;

  std::vector<SourceKind> rows_;
};

/// The registry.
SourceKinds& source_kinds();

/// The help of source.path and target.path, made from the rows.
std::string source_help();

}  // namespace monge::data
