// A bound on the memory that decoders hold together, over all threads of the process.
#pragma once

#include <cstdint>
#include <string>

namespace monge::io {

/// The bound in bytes: what set_decoding_memory() has set; else MONGE_DECODE_MB, in MiB; else half of the memory of the
/// machine or of the process's control groups, and at least 512 MiB. A quarter of it is for encoded files, the rest for
/// what is decoded from them.
/// @throws InputError when MONGE_DECODE_MB is not a whole number of at least 16.
int64_t decoding_memory();

/// The part of the bound that is for what is decoded.
int64_t decoded_memory();

/// Sets the bound for this process; 0 restores the default. What is held already stays held.
void set_decoding_memory(int64_t bytes);

/// The memory that the calling thread holds for the image or array that it decodes, given back at the end of the scope.
/// Decoders hold the bytes that the header claims before they allocate any. If others hold the rest, they wait, in the
/// order of their requests.
///
/// A scope within another one of its thread joins it, so that a caller can hold the decoder's memory for as long as it
/// uses the image. There is no deadlock: a thread has one file and what is decoded from it, each request gives back
/// the last one of its kind first, and who holds decoded bytes waits for nothing.
///
/// The numbers are what the decoders and the preparation of an image take at most, by their formats; the pages of the
/// program, of LibTorch and of the allocator's reserves come on top.
class DecodingMemory {
 public:
  DecodingMemory();
  ~DecodingMemory();
  DecodingMemory(const DecodingMemory&) = delete;
  DecodingMemory& operator=(const DecodingMemory&) = delete;

  /// The outermost scope of the calling thread; null outside of any.
  static DecodingMemory* of_thread();

  /// Holds the bytes of an encoded file that will be read, instead of what this scope has held.
  /// @throws InputError starting with `name` if they are more than the whole.
  void hold_file(int64_t bytes, const std::string& name);

  /// Holds the bytes that decoding will take, instead of what it took before.
  /// @param elsewhere  those of the bytes that another process takes.
  /// @throws InputError starting with `name` if they are more than the whole.
  void hold_decoded(int64_t bytes, const std::string& name, int64_t elsewhere = 0);

 private:
  void give_back_decoded();

  bool joins_ = false;
  int64_t file_ = 0, decoded_ = 0, elsewhere_ = 0;
};

/// Holds the bytes of an encoded file in the scope of the calling thread; without one it only checks them.
void hold_file_memory(int64_t bytes, const std::string& name);

/// The bytes that all threads hold now, and the number of threads that wait.
int64_t held_decoding_memory();
int64_t waiting_for_decoding_memory();

}  // namespace monge::io
