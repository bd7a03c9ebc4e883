// Sections of options that components define, held by code that does not know the components.
//
// The options of a component are a plain struct with defaults:
//
//     struct WeakOptions {
//       static constexpr const char* kSection = "weak";            // the section's name in a recipe
//       static constexpr const char* kHelp = "Method weak: ...";   // one line without a full stop
//       int64_t z = 4;
//       void describe(OptionRows& rows);  // rows.add("z", z, "outputs drawn per input").least(1);
//       void check() const;               // optional: throws InputError for values that do not go together
//     };
#pragma once

#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/option_rows.h"
#include "monge/core/options.h"

namespace monge {

/// One section struct of any type, held by value: a copy has its own struct.
class OptionSection {
 public:
  template <class Options>
  explicit OptionSection(Options options) : held_(std::make_unique<HeldAs<Options>>(std::move(options))) {}
  OptionSection(const OptionSection& other) : held_(other.held_->clone()) {}
  OptionSection(OptionSection&&) noexcept = default;
  OptionSection& operator=(const OptionSection& other) {
    if (this != &other) held_ = other.held_->clone();
    return *this;
  }
  OptionSection& operator=(OptionSection&&) noexcept = default;

  std::string name() const { return held_->name(); }
  std::string help() const { return held_->help(); }

  /// The options, bound to the struct in this object. They are valid while this object lives and is not assigned to;
  /// moving it keeps them valid.
  std::vector<Option> rows() {
    OptionRows rows(name());
    held_->describe(rows);
    return rows.take();
  }

  /// Calls the struct's check(), if it has one. @throws InputError for values that do not go together.
  void check() const { held_->check(); }

  /// The struct, or null when it is of another type.
  template <class Options>
  Options* as() {
    auto* held = dynamic_cast<HeldAs<Options>*>(held_.get());
    return held ? &held->options : nullptr;
  }
  template <class Options>
  const Options* as() const {
    const auto* held = dynamic_cast<const HeldAs<Options>*>(held_.get());
    return held ? &held->options : nullptr;
  }

 private:
  struct Held {
    virtual ~Held() = default;
    virtual std::unique_ptr<Held> clone() const = 0;
    virtual std::string name() const = 0;
    virtual std::string help() const = 0;
    virtual void describe(OptionRows& rows) = 0;
    virtual void check() const = 0;
  };
  template <class Options>
  struct HeldAs : Held {
    explicit HeldAs(Options value) : options(std::move(value)) {}
    std::unique_ptr<Held> clone() const override { return std::make_unique<HeldAs>(options); }
    std::string name() const override { return Options::kSection; }
    std::string help() const override { return Options::kHelp; }
    void describe(OptionRows& rows) override { options.describe(rows); }
    void check() const override {
      if constexpr (requires(const Options& o) { o.check(); }) options.check();
    }
    Options options;
  };

  std::unique_ptr<Held> held_;
};

/// Sections in the order in which they are written. A copy has its own structs.
class OptionSections {
 public:
  /// @throws InputError when there is a section of this name.
  void add(OptionSection section) {
    for (const auto& other : sections_) {
      require(other.name() != section.name(), "two components define options in the section [", section.name(), "]");
    }
    sections_.push_back(std::move(section));
  }

  /// The section struct of this type.
  /// @throws InputError when there is none: its component was registered after this object was made.
  template <class Options>
  Options& get() {
    if (auto* options = find<Options>()) return *options;
    throw InputError(
        text("no component has options in the section [", Options::kSection, "]; register its component first"));
  }
  template <class Options>
  const Options& get() const {
    return const_cast<OptionSections*>(this)->get<Options>();
  }

  /// The section struct of this type, or null when there is none.
  template <class Options>
  Options* find() {
    for (auto& section : sections_) {
      if (auto* options = section.as<Options>()) return options;
    }
    return nullptr;
  }

  /// Appends all sections to a table. This object must outlive the table.
  void describe(OptionTable& table) {
    for (auto& section : sections_) table.add_section(section.name(), section.help(), section.rows());
  }

  /// @throws InputError for the first section whose values do not go together.
  void check() const {
    for (const auto& section : sections_) section.check();
  }

 private:
  std::vector<OptionSection> sections_;
};

/// Appends the section of a struct to a table. The struct must outlive the table.
template <class Options>
void describe(OptionTable& table, Options& options) {
  OptionRows rows(Options::kSection);
  options.describe(rows);
  table.add_section(Options::kSection, Options::kHelp, rows.take());
}

}  // namespace monge
