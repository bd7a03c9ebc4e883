#include "monge/io/pickle.h"

#include <bit>
#include <cstring>
#include <map>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/io/pickle_names.h"
#include "monge/io/pickle_policy.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

using Kind = PickleValue::Kind;

// 130,000 tensors of about 15 values each, ten times the largest networks. Bounds the memory that a small file can use.
constexpr size_t most_values = 2'000'000;

/// The stack machine of pickletools.py. Every operation checks what it takes from the stack.
class Machine {
 public:
  Machine(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  Pickle run() {
    while (!step(take(1)[0])) {
    }
    out_.consumed = at_;
    return std::move(out_);
  }

 private:
  /// Executes one operation. @return true at STOP. The codes are those of pickletools.py.
  // clang-format off
  bool step(char code) {
    switch (code) {
      case '\x80': check(number<uint8_t>() <= 5, "a protocol above 5"); break;               // PROTO
      case '\x95': take(8); break;                                                           // FRAME
      case '.': out_.root = pop(); return true;                                              // STOP
      case '(': marks_.push_back(stack_.size()); break;                                      // MARK
      case '0': pop(); break;                                                                // POP
      case '1': pop_to_mark(); break;                                                        // POP_MARK
      case '2': stack_.push_back(top()); break;                                              // DUP
      case 'N': push({.kind = Kind::none}); break;                                           // NONE
      case '\x88': push({.kind = Kind::boolean, .integer = 1}); break;                       // NEWTRUE
      case '\x89': push({.kind = Kind::boolean, .integer = 0}); break;                       // NEWFALSE
      case 'J': push({.kind = Kind::integer, .integer = number<int32_t>()}); break;          // BININT
      case 'K': push({.kind = Kind::integer, .integer = number<uint8_t>()}); break;          // BININT1
      case 'M': push({.kind = Kind::integer, .integer = number<uint16_t>()}); break;         // BININT2
      case '\x8a': push_long(number<uint8_t>()); break;                                      // LONG1
      case '\x8b': push_long(number<uint32_t>()); break;                                     // LONG4
      case 'G': push_double(); break;                                                        // BINFLOAT
      case 'U': push_text(Kind::string, number<uint8_t>()); break;                           // SHORT_BINSTRING
      case 'T': push_text(Kind::string, number<uint32_t>()); break;                          // BINSTRING
      case '\x8c': push_text(Kind::string, number<uint8_t>()); break;                        // SHORT_BINUNICODE
      case 'X': push_text(Kind::string, number<uint32_t>()); break;                          // BINUNICODE
      case '\x8d': push_text(Kind::string, number<uint64_t>()); break;                       // BINUNICODE8
      case 'C': push_text(Kind::bytes, number<uint8_t>()); break;                            // SHORT_BINBYTES
      case 'B': push_text(Kind::bytes, number<uint32_t>()); break;                           // BINBYTES
      case '\x8e': case '\x96': push_text(Kind::bytes, number<uint64_t>()); break;           // BINBYTES8, BYTEARRAY8
      case ')': push({.kind = Kind::tuple}); break;                                          // EMPTY_TUPLE
      case ']': push({.kind = Kind::list}); break;                                           // EMPTY_LIST
      case '}': push({.kind = Kind::dict}); break;                                           // EMPTY_DICT
      case '\x8f': push({.kind = Kind::set}); break;                                         // EMPTY_SET
      case '\x85': push({.kind = Kind::tuple, .items = pop_many(1)}); break;                 // TUPLE1
      case '\x86': push({.kind = Kind::tuple, .items = pop_many(2)}); break;                 // TUPLE2
      case '\x87': push({.kind = Kind::tuple, .items = pop_many(3)}); break;                 // TUPLE3
      case 't': push({.kind = Kind::tuple, .items = pop_to_mark()}); break;                  // TUPLE
      case 'l': push({.kind = Kind::list, .items = pop_to_mark()}); break;                   // LIST
      case 'd': push_dict(pop_to_mark()); break;                                             // DICT
      case '\x91': push({.kind = Kind::set, .items = pop_to_mark()}); break;                 // FROZENSET
      case 'a': extend(Kind::list, pop_many(1)); break;                                      // APPEND
      case 'e': extend(Kind::list, pop_to_mark()); break;                                    // APPENDS
      case 's': extend(Kind::dict, pop_many(2)); break;                                      // SETITEM
      case 'u': extend(Kind::dict, pop_to_mark()); break;                                    // SETITEMS
      case '\x90': extend(Kind::set, pop_to_mark()); break;                                  // ADDITEMS
      case 'q': memoise(number<uint8_t>()); break;                                           // BINPUT
      case 'r': memoise(number<uint32_t>()); break;                                          // LONG_BINPUT
      case '\x94': memoise(memo_.size()); break;                                             // MEMOIZE
      case 'h': recall(number<uint8_t>()); break;                                            // BINGET
      case 'j': recall(number<uint32_t>()); break;                                           // LONG_BINGET
      case 'c': push_named_lines(); break;                                                   // GLOBAL
      case 'i': push_named_lines(); refuse("the operation INST");                            // INST
      case '\x93': stack_global(); break;                                                    // STACK_GLOBAL
      case 'R': case '\x81': reduce(); break;                                                // REDUCE, NEWOBJ
      case '\x92': new_object_with_keywords(); break;                                        // NEWOBJ_EX
      case 'o': old_object(pop_to_mark()); break;                                            // OBJ
      case 'b': build(); break;                                                              // BUILD
      case 'Q': push(storage_of_id(*pop(), file_)); break;                                   // BINPERSID
      default: check(false, text("the operation ", shown(std::string_view(&code, 1)), " at byte ", at_ - 1));
    }
    return false;
  }
  // clang-format on

  void check(bool fine, std::string_view what) const {
    if (!fine) refuse(what);
  }
  [[noreturn]] void refuse(std::string_view what) const {
    throw InputError(text(file_, ": the pickle in this checkpoint has ", what,
                          ", which torch.save does not write; the file is damaged or not a state dict"));
  }

  std::string_view take(uint64_t count) {
    require(count <= bytes_.size() - at_, file_, ": the pickle in this checkpoint is truncated: ", count,
            " bytes needed, ", bytes_.size() - at_, " are left; copy or download it again");
    const auto out = bytes_.substr(at_, count);
    at_ += count;
    return out;
  }
  template <class T>
  T number() {
    T out;
    std::memcpy(&out, take(sizeof out).data(), sizeof out);
    return out;
  }
  std::string_view line() {
    const auto end = bytes_.find('\n', at_);
    check(end != std::string_view::npos, "an unterminated name");
    const auto out = take(end - at_);
    take(1);
    return out;
  }

  void push(PickleValue value) {
    items_ += value.items.size();
    require(out_.values.size() < most_values && items_ <= 4 * most_values + bytes_.size(), file_,
            ": the checkpoint holds more than ", most_values, " Python objects; save the state dict alone");
    stack_.push_back(&out_.values.emplace_back(std::move(value)));
  }
  PickleValue* top() const {
    check(stack_.size() > floor(), "an operation on an empty stack");
    return stack_.back();
  }
  PickleValue* pop() {
    auto* out = top();
    stack_.pop_back();
    return out;
  }
  /// Values below the last mark must not be popped one by one.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<const PickleValue*> pop_many(size_t count) {
    check(stack_.size() - floor() >= count, "an operation on an empty stack");
    std::vector<const PickleValue*> out(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return out;
  }
  std::vector<const PickleValue*> pop_to_mark() {
    check(!marks_.empty(), "no mark where one is required");
    auto out = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return out;
  }

  void push_long(uint32_t size) {
    const auto digits = take(size);
    if (size > sizeof(int64_t)) {
      push({.kind = Kind::big_integer, .text = digits});
      return;
    }
    const bool negative = size > 0 && (digits.back() & 0x80) != 0;
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, digits.data(), size);
    push({.kind = Kind::integer, .integer = value});
  }
  void push_double() {
    push({.kind = Kind::real, .real = std::bit_cast<double>(__builtin_bswap64(number<uint64_t>()))});
  }
  void push_text(Kind kind, uint64_t size) { push({.kind = kind, .text = take(size)}); }

  void push_dict(std::vector<const PickleValue*> items) {
    check(items.size() % 2 == 0, "a key without a value");
    push({.kind = Kind::dict, .items = std::move(items)});
  }
  void extend(Kind kind, const std::vector<const PickleValue*>& items) {
    auto* container = top();
    if (container->kind == Kind::object) container = part_of(*container, kind);
    check(container->kind == kind, "items added to a value that holds none");
    check(kind != Kind::dict || items.size() % 2 == 0, "a key without a value");
    container->items.insert(container->items.end(), items.begin(), items.end());
  }

  /// The entries or elements of an object, which the pickle adds like those of a container.
  PickleValue* part_of(PickleValue& object, Kind kind) {
    auto*& part = parts_[{&object, kind}];
    if (part == nullptr) {
      push({.kind = kind});
      part = pop();
      object.items.push_back(part);
    }
    return part;
  }

  void memoise(size_t index) {
    check(memo_.size() < most_values, "too many memo entries");
    memo_[index] = top();
  }
  void recall(size_t index) {
    const auto found = memo_.find(index);
    check(found != memo_.end(), text("a reference to the missing memo entry ", index));
    stack_.push_back(found->second);
  }

  void push_name(std::string_view module, std::string_view attribute) {
    auto name = text(module, '.', attribute);
    if (!is_known_name(name)) {
      const auto kind = kind_of_name(name);
      require(kind != NameKind::refused, file_, ": refuses to load the Python object ", shown(name),
              "; only tensors and containers are read");
      if (kind == NameKind::foreign) out_.foreign.insert(name);
    }
    push({.kind = Kind::name, .text = out_.texts.emplace_back(std::move(name))});
  }
  void push_named_lines() {
    const auto module = line();
    push_name(module, line());
  }
  void stack_global() {
    const auto* attribute = pop();
    const auto* module = pop();
    check(module->kind == Kind::string && attribute->kind == Kind::string, "a name that is not a string");
    push_name(module->text, attribute->text);
  }
  void reduce() {
    const auto* arguments = pop();
    const auto* function = pop();
    const size_t texts = out_.texts.size();
    push(call_known_name(*function, *arguments, out_.texts, file_));
    // Repeated calls that each make a new text from one long text could fill the memory.
    if (out_.texts.size() > texts) copied_ += top()->text.size();
    check(copied_ <= bytes_.size(), "calls that produce more text than it has bytes");
  }
  /// object.__reduce_ex__ of protocol 4: class, arguments, named arguments.
  void new_object_with_keywords() {
    const auto* named = pop();
    reduce();
    if (top()->kind == Kind::object) top()->items.push_back(named);
  }
  /// Instances of old-style classes of Python 2: the class, then the arguments.
  void old_object(std::vector<const PickleValue*> items) {
    check(!items.empty() && items[0]->kind == Kind::name, "an object without a class");
    stack_.push_back(const_cast<PickleValue*>(items[0]));  // it came from the stack, whose values are not const
    push({.kind = Kind::tuple, .items = {items.begin() + 1, items.end()}});
    reduce();
  }
  /// Sets the state of an object. The attributes of an OrderedDict (_metadata of a state dict) and of a list or tensor
  /// of a derived class are ignored: nothing in them changes a tensor.
  void build() {
    const auto* state = pop();
    auto* value = top();
    if (value->kind == Kind::object) {
      value->items.push_back(state);
      return;
    }
    check(value->kind == Kind::dict || value->kind == Kind::list || value->kind == Kind::set ||
              value->kind == Kind::tensor,
          "attributes for an object that has none");
  }

  std::string_view bytes_;
  const std::string& file_;
  size_t at_ = 0, items_ = 0, copied_ = 0;
  Pickle out_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<size_t, PickleValue*> memo_;
  std::map<std::pair<const PickleValue*, Kind>, PickleValue*> parts_;  ///< see part_of
};

}  // namespace

Pickle read_pickle(std::string_view bytes, const std::string& file) { return Machine(bytes, file).run(); }

}  // namespace monge::io
