#include "monge/io/flatten.h"

#include <array>
#include <charconv>
#include <unordered_set>

#include "monge/core/error.h"

namespace monge::io {
namespace {

using Kind = PickleValue::Kind;

constexpr int deepest = 64;
constexpr size_t most_bytes = size_t{256} << 20;

bool is_container(Kind kind) {
  return kind == Kind::tuple || kind == Kind::list || kind == Kind::set || kind == Kind::dict;
}

std::string shortest(double number) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

class Flattener {
 public:
  Flattener(const std::string& file, const TensorMaker& make) : file_(file), make_(make) {}

  void visit(const PickleValue& value, const std::string& name, int depth) {
    if (depth > deepest && enclosing_objects_ > 0) return;  // inside an object no state dict is that deep
    require(depth <= deepest, file_, ": containers are nested deeper than ", deepest, " at ", shown(name),
            "; save the state dict alone");
    // A few bytes suffice to refer to a container again, but each visit costs time and memory.
    spend(256 + name.size() + value.text.size());

    if (value.kind == Kind::tensor) {
      add_tensor(value, name.empty() ? "tensor" : name);
    } else if (value.kind == Kind::dict) {
      for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
        visit(*value.items[i + 1], joined(name, key_text(*value.items[i], i / 2)), depth + 1);
      }
    } else if (is_container(value.kind)) {
      for (size_t i = 0; i < value.items.size(); ++i) {
        visit(*value.items[i], joined(name, std::to_string(i)), depth + 1);
      }
    } else if (value.kind == Kind::object) {
      visit_object(value, name, depth);
    } else if (is_scalar(value.kind)) {
      out_.metadata[name] = text_of(value);
    }
  }

  TensorFile take() { return std::move(out_); }

 private:
  void spend(size_t bytes) {
    spent_ += bytes;
    require(spent_ <= most_bytes, file_, ": names and strings exceed 256 MiB; save the state dict alone");
  }
  static bool is_scalar(Kind kind) {
    return kind == Kind::none || kind == Kind::boolean || kind == Kind::integer || kind == Kind::real ||
           kind == Kind::string || kind == Kind::name;
  }
  static std::string joined(const std::string& outer, const std::string& inner) {
    return outer.empty() ? inner : outer + '.' + inner;
  }

  std::string key_text(const PickleValue& key, size_t position) const {
    return is_scalar(key.kind) ? text_of(key) : text('#', position);
  }

  static std::string text_of(const PickleValue& value) {
    switch (value.kind) {
      case Kind::none:
        return "None";
      case Kind::boolean:
        return value.integer ? "True" : "False";
      case Kind::integer:
        return std::to_string(value.integer);
      case Kind::real:
        return shortest(value.real);
      default:  // text and names
        return std::string(value.text);
    }
  }

  /// The attribute `name` of an object, or null.
  const PickleValue* attribute(const PickleValue& object, std::string_view name) {
    for (const auto* part : object.items) {
      if (part->kind != Kind::dict) continue;
      spend(8 * part->items.size());
      for (size_t i = 0; i + 1 < part->items.size(); i += 2) {
        if (part->items[i]->kind == Kind::string && part->items[i]->text == name) return part->items[i + 1];
      }
    }
    return nullptr;
  }

  void visit_object(const PickleValue& object, const std::string& name, int depth) {
    if (object.text.starts_with("numpy.")) return;  // arrays and their dtypes
    const auto* modules = attribute(object, "_modules");
    const auto* parameters = attribute(object, "_parameters");
    const bool network = modules != nullptr && parameters != nullptr;
    if (!network && !seen_.insert(&object).second) return;
    ++enclosing_objects_;
    if (network) {
      visit(*parameters, name, depth + 1);
      if (const auto* buffers = attribute(object, "_buffers")) visit_buffers(object, *buffers, name, depth + 1);
      visit(*modules, name, depth + 1);
    } else {
      for (size_t i = 0; i < object.items.size(); ++i) visit_part(*object.items[i], i == 0, name, depth);
    }
    --enclosing_objects_;
  }

  /// Visits the buffers that state_dict() would list: the persistent ones.
  void visit_buffers(const PickleValue& object, const PickleValue& buffers, const std::string& name, int depth) {
    std::unordered_set<std::string_view> left_out;
    if (const auto* names = attribute(object, "_non_persistent_buffers_set")) {
      spend(8 * names->items.size());
      for (const auto* entry : names->items) left_out.insert(entry->text);
    }
    spend(8 * buffers.items.size());
    for (size_t i = 0; buffers.kind == Kind::dict && i + 1 < buffers.items.size(); i += 2) {
      const auto& key = *buffers.items[i];
      if (!left_out.contains(key.text)) visit(*buffers.items[i + 1], joined(name, key_text(key, i / 2)), depth);
    }
  }

  /// Visits a part of an object. @param arguments  whether the part is the tuple of constructor arguments.
  void visit_part(const PickleValue& part, bool arguments, const std::string& name, int depth) {
    if (arguments || part.kind == Kind::list || part.kind == Kind::set) {
      for (size_t i = 0; i < part.items.size(); ++i) {
        const auto position = arguments ? std::to_string(i) : text("items.", i);
        visit(*part.items[i], joined(name, position), depth + 1);
      }
    } else if (part.kind == Kind::dict) {
      visit(part, name, depth + 1);
    } else if (part.kind == Kind::tuple) {  // __dict__ and __slots__
      for (const auto* state : part.items) {
        if (state->kind == Kind::dict) visit(*state, name, depth + 1);
      }
    }
  }

  void add_tensor(const PickleValue& value, const std::string& name) {
    if (enclosing_objects_ > 0 && names_.contains(name)) return;
    require(names_.insert(name).second, file_, ": two tensors have the name ", shown(name),
            "; save the state dict alone");
    out_.tensors.emplace_back(name, make_(value, text(file_, ": tensor ", shown(name))));
  }

  const std::string& file_;
  const TensorMaker& make_;
  TensorFile out_;
  std::unordered_set<std::string> names_;
  std::unordered_set<const PickleValue*> seen_;  ///< objects
  int enclosing_objects_ = 0;
  size_t spent_ = 0;
};

}  // namespace

TensorFile flatten(const PickleValue& root, const std::string& file, const TensorMaker& make) {
  require(root.kind == Kind::tensor || root.kind == Kind::object || is_container(root.kind), file,
          ": holds neither a tensor nor a container of tensors; save net.state_dict()");
  Flattener flattener(file, make);
  flattener.visit(root, "", 0);
  return flattener.take();
}

}  // namespace monge::io
