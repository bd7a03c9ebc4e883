#include "monge/core/error.h"

namespace monge {
namespace {

std::string message(const Complaint& complaint) {
  std::string out = complaint.what;
  if (!complaint.where.empty()) out = complaint.where + ": " + out;
  if (!complaint.value.empty()) out += ", got " + complaint.value;
  if (!complaint.allowed.empty()) out += " (allowed: " + complaint.allowed + ")";
  if (!complaint.fix.empty()) out += "; " + complaint.fix;
  return out;
}

}  // namespace

Error::Error(const Complaint& complaint) : std::runtime_error(message(complaint)), complaint_(complaint) {}

}  // namespace monge
