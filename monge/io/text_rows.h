// Splits a text into rows and fields (RFC 4180 and its variants). Internal to the readers of tables.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "monge/core/error.h"

namespace monge::io {

struct TextField {
  std::string_view text;  ///< without quotes and surrounding blanks
  bool quoted = false;
};

/// A line that begins with #.
struct TextComment {
  std::string_view text;  ///< after the #
  int64_t line = 0;       ///< from 1
};

/// The first magnitude from which float64 does not hold every whole number: 2^53.
inline constexpr double kFirstInexact = 9007199254740992.0;

/// Reads a text once, field by field. Rows end with LF, CR LF or CR, the last one with the text. Empty lines are
/// skipped. Lines that begin with # are skipped and counted. A field that begins with a double quote ends with the next
/// one that is not doubled, and may hold separators and line ends. Linear in the bytes that are read; only comments are
/// kept, and only after keep_comments.
class TextRows {
 public:
  /// @param text       UTF-8; must outlive this object.
  /// @param separator  a character, or ' ' for any run of blanks.
  /// @param name       the file, for messages; must outlive this object.
  TextRows(std::string_view text, char separator, const std::string& name)
      : at_(text.data()), end_(text.data() + text.size()), separator_(separator), name_(name) {}

  /// Advances to the next row and skips the rest of this one. @return false at the end of the text.
  bool next_row() {
    for (TextField rest; next(rest);) {
    }
    for (;;) {
      const char* p = after_blanks(at_);
      if (p == end_) return false;
      if (is_line_end(*p)) {
        at_ = p;
        take_line_end();
      } else if (is_comment(p)) {
        ++comments_;
        const char* const begin = ++p;
        while (p != end_ && !is_line_end(*p)) ++p;
        if (kept_comments_) kept_comments_->push_back({{begin, static_cast<size_t>(p - begin)}, line_});
        at_ = p;
      } else {
        if (separator_ == ' ') at_ = p;
        row_line_ = line_;
        more_ = true;
        return true;
      }
    }
  }

  /// Skips the first line of the text, whatever it holds. Call it only before the first row.
  void skip_line() {
    while (at_ != end_ && !is_line_end(*at_)) ++at_;
    if (at_ != end_) take_line_end();
  }

  /// The line that the current row begins with, from 1.
  int64_t line() const { return row_line_; }

  /// The beginning of the next field.
  const char* position() const { return at_; }

  /// The number of lines that were skipped because they begin with #.
  int64_t comments() const { return comments_; }

  /// From now on each line that begins with # is added to `out`, which must outlive this object; null ends this.
  void keep_comments(std::vector<TextComment>* out) { kept_comments_ = out; }

  /// From now on lines that begin with # are rows.
  void take_comments_as_rows() { comments_are_rows_ = true; }

  /// Whether the row has another field.
  bool next_is_there() const { return more_; }

  /// Reads the next field of the row, valid until the next call. @return false when the row has no more.
  /// @throws InputError naming the line: a quote that is not closed, or letters after a closing quote.
  bool next(TextField& field) {
    if (!more_) return false;
    const char* p = after_blanks(at_);
    field.quoted = p != end_ && *p == '"';
    if (field.quoted) {
      p = quoted(p, field);
    } else {
      const char* const begin = p;
      while (p != end_ && *p != separator_ && !is_line_end(*p) && !(separator_ == ' ' && is_blank(*p))) ++p;
      const char* last = p;
      while (last != begin && is_blank(last[-1])) --last;
      field.text = {begin, static_cast<size_t>(last - begin)};
    }
    end_field(p);
    return true;
  }

  /// Reads the next field if it is nothing but a plain number below 2^53. Otherwise it returns false, takes nothing,
  /// and next() returns the field. This is the fast path of most fields. Larger numbers are left to next(), because
  /// only their digits show whether float64 holds them exactly.
  bool next_number(double& out) {
    if (!more_) return false;
    const char* p = after_blanks(at_);
    const auto [stop, fault] = std::from_chars(p, end_, out);
    if (fault != std::errc() || !(std::abs(out) < kFirstInexact)) return false;
    p = after_blanks(stop);
    if (p != end_ && *p != separator_ && !is_line_end(*p) && !(separator_ == ' ' && p != stop)) return false;
    end_field(p);
    return true;
  }

 private:
  static bool is_line_end(char letter) { return letter == '\n' || letter == '\r'; }
  bool is_blank(char letter) const {
    return letter == ' ' || (letter == '\t' && separator_ != '\t') || letter == '\v' || letter == '\f';
  }
  const char* after_blanks(const char* p) const {
    while (p != end_ && is_blank(*p)) ++p;
    return p;
  }

  /// Whether this line is a comment: it begins with # and not with a spreadsheet's error value.
  bool is_comment(const char* p) const {
    if (*p != '#' || comments_are_rows_) return false;
    const std::string_view rest(p, static_cast<size_t>(end_ - p));
    for (const char* fault : {"#N/A", "#NA", "#NV", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"}) {
      const auto length = std::string_view(fault).size();
      const bool begins = rest.starts_with(fault);
      if (begins && (rest.size() == length || rest[length] == separator_ || is_line_end(rest[length]))) return false;
    }
    return true;
  }

  void take_line_end() {
    ++line_;
    at_ += *at_ == '\r' && end_ - at_ > 1 && at_[1] == '\n' ? 2 : 1;
  }

  /// Skips what ends a field: a separator, or the end of the line or the text.
  void end_field(const char* p) {
    if (separator_ == ' ') p = after_blanks(p);
    at_ = p;
    more_ = p != end_ && !is_line_end(*p);
    if (more_) {
      at_ += separator_ != ' ';
    } else if (p != end_) {
      take_line_end();
    }
  }

  /// Reads a field in quotes. @return the position after the closing quote and the blanks that follow it.
  const char* quoted(const char* p, TextField& field) {
    const int64_t begun = line_;
    const char* part = ++p;
    unescaped_.clear();
    bool doubled = false;
    for (;; ++p) {
      require(p != end_, name_, " line ", begun,
              ": a quoted field has no end; close its quote, or double the quotes within it");
      if (*p == '\n' || (*p == '\r' && !(end_ - p > 1 && p[1] == '\n'))) ++line_;
      if (*p != '"') continue;
      if (end_ - p < 2 || p[1] != '"') break;
      doubled = true;
      unescaped_.append(part, static_cast<size_t>(++p - part));
      part = p + 1;
    }
    field.text = {part, static_cast<size_t>(p - part)};
    if (doubled) field.text = unescaped_.append(field.text);
    const char* const close = p + 1;
    p = after_blanks(close);
    const bool ends = p == end_ || *p == separator_ || is_line_end(*p) || (separator_ == ' ' && p != close);
    require(ends, name_, " line ", line_, ": text follows a quoted field; double the quotes within it");
    return p;
  }

  const char *at_, *end_;
  char separator_;
  const std::string& name_;
  bool more_ = false;
  int64_t line_ = 1, row_line_ = 0, comments_ = 0;
  std::string unescaped_;
  std::vector<TextComment>* kept_comments_ = nullptr;
  bool comments_are_rows_ = false;
};

}  // namespace monge::io
