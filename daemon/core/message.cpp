#include "core/message.hpp"

namespace sluice {

std::string_view to_string(LedgerReason reason) {
  switch (reason) {
    case LedgerReason::expired:
      return "expired";
    case LedgerReason::displaced:
      return "displaced";
    case LedgerReason::refused:
      return "refused";
    case LedgerReason::poison:
      return "poison";
    case LedgerReason::filtered:
      return "filtered";
    case LedgerReason::damaged:
      return "damaged";
  }
  return "unknown";
}

}  // namespace sluice
