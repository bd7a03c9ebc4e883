// What processes that this one forks have in common: limits, how they end, and the errors that they bring.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "monge/core/error.h"

namespace monge::io {

/// What a child process may take for one piece of work.
struct ChildLimits {
  int64_t seconds = 60;              ///< of processor time; at least 1
  int64_t bytes = int64_t{1} << 30;  ///< beyond what it has at its start; memory that it shares is not counted
};

/// How a piece of work ended in a child process.
struct ChildOutcome {
  enum class End {
    done,       ///< it returned
    refused,    ///< it threw an InputError
    exhausted,  ///< it was refused memory
    crashed,    ///< the process was ended by a signal, or ended itself
    stuck,      ///< it took more processor time than allowed
    failed,     ///< it threw another exception
    untried,    ///< there is no such process, or it did nothing; nothing is known
  };
  End end = End::untried;
  Complaint complaint = {};  ///< of that InputError; of another exception, its message as `what`

  bool has_complaint() const { return end == End::refused || end == End::failed; }
};

/// Prepares a process that was just forked: a crash is quiet and leaves no file; limits end it whatever signals the
/// calling thread has blocked; its allocator asks for as much memory as it gives out.
void set_up_child();

/// What a process that sleeps has done so far: two equal answers mean that it did nothing in between. Empty where it
/// runs, waits for a processor or a disk, or is stopped.
std::string activity_of(pid_t process);

/// The memory of this process that a limit counts.
int64_t limited_bytes();

/// Limits this process to what it has used and `limits`. The process ends, or gets no memory, where it exceeds them.
/// @param base  limited_bytes() at its start.
void limit_child(const ChildLimits& limits, int64_t base);

/// Runs `work`. @return done, refused, exhausted or failed.
ChildOutcome run_work(const std::function<void()>& work);

/// Waits for the end of a process that did not say how its work ended. @return `stuck` or `crashed`.
ChildOutcome::End wait_for_child(pid_t process);

/// A complaint as bytes, and from them. Bytes that are cut give a complaint whose last parts are cut.
std::string packed(const Complaint& complaint);
Complaint unpacked_complaint(std::string_view bytes);

}  // namespace monge::io
