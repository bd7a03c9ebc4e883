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
    require(depth <= deepest, file_, ": containers are nested deeper than ", deepest, " at ", shown(name),
            "; save the state dict alone");
    // A container can be in many places for a few bytes each; the visits are what costs.
    spent_ += 256 + name.size() + value.text.size();
    require(spent_ <= most_bytes, file_, ": names and texts take more than 256 MiB; save the state dict alone");

    if (value.kind == Kind::tensor) {
      add_tensor(value, name.empty() ? "tensor" : name);
    } else if (value.kind == Kind::dict) {
      for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
        visit(*value.items[i + 1], joined(name, text_of(*value.items[i], name)), depth + 1);
      }
    } else if (is_container(value.kind)) {
      for (size_t i = 0; i < value.items.size(); ++i) {
        visit(*value.items[i], joined(name, std::to_string(i)), depth + 1);
      }
    } else if (is_scalar(value.kind)) {
      out_.metadata[name] = text_of(value, name);
    }
  }

  TensorFile take() { return std::move(out_); }

 private:
  static bool is_scalar(Kind kind) {
    return kind == Kind::none || kind == Kind::boolean || kind == Kind::integer || kind == Kind::real ||
           kind == Kind::string || kind == Kind::name;
  }
  static std::string joined(const std::string& outer, const std::string& inner) {
    return outer.empty() ? inner : outer + '.' + inner;
  }

  std::string text_of(const PickleValue& value, const std::string& name) const {
    switch (value.kind) {
      case Kind::none:
        return "None";
      case Kind::boolean:
        return value.integer ? "True" : "False";
      case Kind::integer:
        return std::to_string(value.integer);
      case Kind::real:
        return shortest(value.real);
      case Kind::string:
      case Kind::name:
        return std::string(value.text);
      default:
        throw Error(text(file_, ": a key in ", shown(name), " is neither text nor number; save the state dict alone"));
    }
  }

  void add_tensor(const PickleValue& value, const std::string& name) {
    require(names_.insert(name).second, file_, ": two tensors have the name ", shown(name),
            "; save the state dict alone");
    out_.tensors.emplace_back(name, make_(value, text(file_, ": tensor ", shown(name))));
  }

  const std::string& file_;
  const TensorMaker& make_;
  TensorFile out_;
  std::unordered_set<std::string> names_;
  size_t spent_ = 0;
};

}  // namespace

TensorFile flatten(const PickleValue& root, const std::string& file, const TensorMaker& make) {
  require(root.kind == Kind::tensor || is_container(root.kind), file,
          ": holds neither a tensor nor a container of tensors; save net.state_dict()");
  Flattener flattener(file, make);
  flattener.visit(root, "", 0);
  return flattener.take();
}

}  // namespace monge::io
