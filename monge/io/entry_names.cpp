#include "monge/io/entry_names.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>  // NOLINT: newlocale and uselocale are POSIX

#include <algorithm>

#include "monge/core/error.h"
#include "monge/io/archive_reader.h"
#include "monge/io/seven_zip_names.h"
#include "monge/io/zip_directory.h"

namespace monge::io {
namespace {

/// Sets the locale "C" for this thread during its lifetime. Every machine has this locale.
class ClassicLocale {
 public:
  ClassicLocale() : before_(::uselocale(classic())) {}
  ~ClassicLocale() { ::uselocale(before_); }
  ClassicLocale(const ClassicLocale&) = delete;
  ClassicLocale& operator=(const ClassicLocale&) = delete;

 private:
  static locale_t classic() {
    static const locale_t made = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return made;
  }
  locale_t before_;
};

/// libarchive visits the entries of a zip by offset, and only one of the entries that share an offset.
std::vector<std::string> names_by_offset(ZipDirectory directory) {
  auto& records = directory.records;
  std::stable_sort(records.begin(), records.end(),
                   [](const ZipRecord& a, const ZipRecord& b) { return a.header < b.header; });
  std::vector<std::string> out;
  for (size_t i = 0; i < records.size(); ++i) {
    if (i == 0 || records[i].header != records[i - 1].header) out.push_back(std::move(records[i].name));
  }
  return out;
}

/// Whether two names are equal except for their slashes, which libarchive changes by its own rules.
bool are_same(std::string a, std::string b) {
  for (auto* name : {&a, &b}) {
    std::replace(name->begin(), name->end(), '\\', '/');
    while (name->ends_with('/')) name->pop_back();
  }
  return a == b;
}

int format_of(::archive* reader) { return archive_format(reader) & ARCHIVE_FORMAT_BASE_MASK; }

}  // namespace

int EntryNames::next(::archive* reader, ::archive_entry** entry) {
  const ClassicLocale classic;
  const int status = archive_read_next_header(reader, entry);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return status;
  complete(reader, *entry);
  ++seen_;
  return status;
}

void EntryNames::complete(::archive* reader, ::archive_entry* entry) {
  const int format = format_of(reader);
  if (format != ARCHIVE_FORMAT_ZIP && format != ARCHIVE_FORMAT_7ZIP) return;
  const char* plain = archive_entry_pathname(entry);
  if (plain) {
    fits_ = fits_ && (!names_ || (seen_ < names_->size() && are_same((*names_)[seen_], plain)));
    return;
  }
  if (!names_) read_directory(reader);
  if (!fits_ || seen_ >= names_->size()) {
    throw UnreadableArchive(text(shown_, ": the name of entry ", seen_ + 1,
                                 " cannot be determined: the archive's directory does not match its entries"));
  }
  const auto& name = (*names_)[seen_];
  archive_entry_set_pathname(entry, name.c_str());
  if (name.ends_with('/') && archive_entry_filetype(entry) == AE_IFREG) archive_entry_set_filetype(entry, AE_IFDIR);
}

void EntryNames::read_directory(::archive* reader) {
  if (archive_.empty()) {
    throw UnreadableArchive(
        text(shown_, ": the name of entry ", seen_ + 1, " is in the directory at the archive's end"));
  }
  try {
    names_ = format_of(reader) == ARCHIVE_FORMAT_ZIP ? names_by_offset(read_zip_directory(archive_, shown_))
                                                     : seven_zip_names(archive_, shown_);
  } catch (const UnreadableArchive&) {
    throw;
  } catch (const InputError& error) {
    throw UnreadableArchive(error.complaint());
  }
}

}  // namespace monge::io
