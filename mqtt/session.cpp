#include "mqtt/session.hpp"

#include <algorithm>

namespace sluice::mqtt {

Subscription* Session::find_subscription(std::string_view filter) {
  const auto it = std::find_if(subscriptions.begin(), subscriptions.end(),
                               [&](const Subscription& s) { return s.filter == filter; });
  return it == subscriptions.end() ? nullptr : &*it;
}

std::size_t Session::find_inflight(std::uint16_t packet_id) const {
  for (std::size_t i = 0; i < inflight.size(); ++i) {
    if (inflight[i].packet_id == packet_id) return i;
  }
  return npos;
}

// The window is far below 65,535, so a free id is near.
std::uint16_t Session::new_packet_id() {
  do {
    if (++last_packet_id == 0) last_packet_id = 1;
  } while (find_inflight(last_packet_id) != npos);
  return last_packet_id;
}

bool Session::has_inbound(std::uint16_t packet_id) const {
  return std::binary_search(inbound.begin(), inbound.end(), packet_id);
}

void Session::add_inbound(std::uint16_t packet_id) {
  inbound.insert(std::lower_bound(inbound.begin(), inbound.end(), packet_id), packet_id);
}

bool Session::remove_inbound(std::uint16_t packet_id) {
  const auto it = std::lower_bound(inbound.begin(), inbound.end(), packet_id);
  if (it == inbound.end() || *it != packet_id) return false;
  inbound.erase(it);
  return true;
}

}  // namespace sluice::mqtt
