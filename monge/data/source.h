// The source of samples: the one interface between data and training.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/table.h"

namespace monge::data {

/// A distribution known by samples: a fixed set of items, or a law with endless draws.
///
/// Items are float32 on the CPU: images [C,H,W] (RGB, in [-1,1]) or vectors [D]. Images may be stored as uint8, see
/// stored_items. Implementations are logically immutable after construction and thread-safe.
class Source {
 public:
  virtual ~Source() = default;

  /// Kind and location, for messages and records ("toy:moons", "faces.tar").
  virtual std::string name() const = 0;

  /// The shape of one item: [C,H,W] or [D].
  virtual std::vector<int64_t> item_shape() const = 0;

  /// Number of items; 0 for an endless law.
  virtual int64_t size() const = 0;
  bool endless() const { return size() == 0; }

  /// The items at `indices` (each in [0, size())), stacked: float32 [n, ...item_shape]. Finite sources only.
  /// @throws InputError when the source is endless, an index is out of range, or an item cannot be read (naming it).
  torch::Tensor items(const std::vector<int64_t>& indices) const;

  /// The same in their stored type: float32, or images as uint8 in 0..255, which is a quarter of the bytes to move.
  /// as_floats converts the second to the first.
  virtual torch::Tensor stored_items(const std::vector<int64_t>& indices) const = 0;

  /// Vectors in float64: the values of the file, before rounding to float32. Standardisation and translation read
  /// these. The default converts stored_items. @throws InputError as stored_items.
  virtual torch::Tensor exact_items(const std::vector<int64_t>& indices) const;

  /// The floating type that holds the result of exact_items without loss: float64, or float32 if the file's numbers fit
  /// into it (float32, float16, integers up to 16 bits). Outputs for such a table are written in this type.
  virtual torch::ScalarType number_type() const { return torch::kFloat32; }

  /// The names of columns and rows if the items are the rows of a table that has names; else all empty.
  virtual io::TableNames table_names() const { return {}; }

  /// n independent draws, float32 [n, ...item_shape]: fresh from the law, or uniform with replacement from the set.
  /// A pure function of the generator's state.
  virtual torch::Tensor draw(int64_t n, torch::Generator generator) const = 0;

  /// The same vectors in float64, as exact_items gives them: the same choice for the same state of the generator.
  virtual torch::Tensor exact_draw(int64_t n, torch::Generator generator) const;

  /// The name of item i inside its source, for output files ("a/smile.png"); "000123" if items have no names. Never
  /// absolute, never with "..".
  virtual std::string item_name(int64_t index) const;

  /// Whether reading an item costs no more than copying it; false if it is decoded at each use.
  virtual bool is_quick() const { return true; }

  /// Whether its items are decoded from files of images, by the options of ImageSource.
  virtual bool gives_files() const { return false; }

  /// Bits per sample in the file of item i: 8 or 16; 8 if it has no file.
  virtual int sample_bits(int64_t /*index*/) const { return 8; }

  /// What was found about the files when the source was opened, for records.
  struct OpenReport {
    std::vector<std::string> left_out;      ///< images that cannot be used: path and reason
    std::vector<std::string> converted;     ///< images used after a conversion: path and kind ("is a CMYK image")
    std::string reading = {};               ///< how a table of text was interpreted, see io::Table
    std::vector<std::string> noticed = {};  ///< sentences with counts, of the images decoded so far, see io::note_lines
    std::string range = {};                 ///< "LOW..HIGH" that 16-bit samples are scaled from, if it was measured
  };
  virtual OpenReport open_report() const { return {}; }
};

/// Converts the result of stored_items to float32: uint8 v becomes v / 127.5 - 1, floats are unchanged. On the tensor's
/// own device.
torch::Tensor as_floats(const torch::Tensor& stored);

/// n different numbers in [0, size), or all of them if there are fewer, in random order. A pure function of the
/// generator's state. For large sizes, time and memory are proportional to n, not to size.
std::vector<int64_t> some_indices(int64_t size, int64_t n, torch::Generator generator);

/// n different items of a finite source, or all of them if it has fewer; n fresh draws of an endless one: [n,
/// ...item_shape]. A pure function of the generator's state. @throws InputError as Source::items.
torch::Tensor some_items(const Source& source, int64_t n, torch::Generator generator);

}  // namespace monge::data
