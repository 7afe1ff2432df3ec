// Publishing and subscribing with one Paho client. Slots give each publish its own callback context without
// an allocation; properties are only viewed, because Paho copies them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "uplink/paho_session.hpp"

namespace sluice::uplink::paho {

void Courier::run() {
  std::vector<Parcel> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !parcels_.empty(); });
      if (parcels_.empty()) return;
      batch.swap(parcels_);
    }
    for (auto& parcel : batch) parcel.session->publish(parcel);
    batch.clear();
  }
}

Slot* Session::slot(std::uint64_t token) {
  const std::lock_guard lock(slots_mutex_);
  if (free_slots_.empty()) free_slots_.push_back(&slots_.emplace_back());
  auto* slot = free_slots_.back();
  free_slots_.pop_back();
  *slot = {this, token};
  return slot;
}

void Session::answer(Slot* slot, std::uint8_t reason, bool answered) {
  const auto token = slot->token;
  {
    const std::lock_guard lock(slots_mutex_);
    free_slots_.push_back(slot);
  }
  if (answered) inbox_->published({token, reason});
}

void Session::publish(Parcel& parcel) {
  const std::lock_guard lock(handle_mutex_);
  if (handle_ == nullptr || inbox_->closing()) return;
  auto* slot = this->slot(parcel.token);
  const auto& publication = parcel.publication;
  MQTTAsync_responseOptions call = MQTTAsync_responseOptions_initializer;
  call.context = slot;
  set_publish_callbacks(call);
  if (options_.mqtt5) view_properties(publication, call.properties);
  const std::string topic(publication.topic);
  const int rc = MQTTAsync_send(handle_, topic.c_str(), static_cast<int>(publication.payload.size()),
                                publication.payload.data(), 1, 0, &call);
  if (rc == MQTTASYNC_SUCCESS) return;
  if (rc == MQTTASYNC_BAD_UTF8_STRING) return answer(slot, MQTTREASONCODE_TOPIC_NAME_INVALID, true);
  answer(slot, 0, false);
  inbox_->lost({0, rc == MQTTASYNC_DISCONNECTED
                       ? ""
                       : fmt::format("the MQTT client takes no publish (Paho code {})", rc)});
}

void Session::set_publish_callbacks(MQTTAsync_responseOptions& call) {
  if (options_.mqtt5) {
    call.onSuccess5 = [](void* context, MQTTAsync_successData5* data) {
      auto* s = static_cast<Slot*>(context);
      s->session->answer(s, static_cast<std::uint8_t>(data->reasonCode), true);
    };
    // Without the server's code it was never answered: the client is going down.
    call.onFailure5 = [](void* context, MQTTAsync_failureData5* data) {
      auto* s = static_cast<Slot*>(context);
      s->session->answer(s, static_cast<std::uint8_t>(data->reasonCode),
                         data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR);
    };
  } else {
    call.onSuccess = [](void* context, MQTTAsync_successData*) {
      auto* s = static_cast<Slot*>(context);
      s->session->answer(s, 0, true);
    };
    call.onFailure = [](void* context, MQTTAsync_failureData*) {
      auto* s = static_cast<Slot*>(context);
      s->session->answer(s, 0, false);
    };
  }
}

void Session::view_properties(const Publication& publication, MQTTProperties& out) {
  // Paho copies what it is given; these only view.
  properties_.clear();
  const auto lens = [](std::string_view s) {
    return MQTTLenString{static_cast<int>(s.size()), const_cast<char*>(s.data())};
  };
  if (!publication.content_type.empty()) {
    MQTTProperty type{};
    type.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE;
    type.value.data = lens(publication.content_type);
    properties_.push_back(type);
    out.length += 3 + type.value.data.len;
  }
  std::string_view wire = publication.user_properties;
  const auto text = [&wire](std::size_t at) {
    const auto size = wire.size() < at + 2 ? wire.size()
                                           : (std::size_t{static_cast<std::uint8_t>(wire[at])} << 8 |
                                              static_cast<std::uint8_t>(wire[at + 1]));
    return wire.size() < at + 2 + size ? std::string_view{} : wire.substr(at + 2, size);
  };
  while (wire.size() >= 5) {
    MQTTProperty user{};
    user.identifier = MQTTPROPERTY_CODE_USER_PROPERTY;
    user.value.data = lens(text(1));
    user.value.value = lens(text(3 + static_cast<std::size_t>(user.value.data.len)));
    properties_.push_back(user);
    const auto size = 5 + user.value.data.len + user.value.value.len;
    out.length += size;
    wire.remove_prefix(std::min(wire.size(), static_cast<std::size_t>(size)));
  }
  out.count = out.max_count = static_cast<int>(properties_.size());
  out.array = properties_.data();
}

void Session::subscribe(const std::vector<std::string>& filters) {
  const std::lock_guard lock(handle_mutex_);
  if (handle_ == nullptr || inbox_->closing()) return;
  MQTTAsync_responseOptions call = MQTTAsync_responseOptions_initializer;
  set_subscribe_callbacks(call);
  std::vector<char*> names;
  names.reserve(filters.size());
  for (const auto& filter : filters) names.push_back(const_cast<char*>(filter.c_str()));  // copied by Paho
  std::vector<int> qos(filters.size(), 1);
  filters_asked_ = static_cast<int>(filters.size());
  const int rc = MQTTAsync_subscribeMany(handle_, filters_asked_, names.data(), qos.data(), &call);
  if (rc != MQTTASYNC_SUCCESS && rc != MQTTASYNC_DISCONNECTED) {
    inbox_->subscribed(std::vector<std::uint8_t>(filters.size(), MQTTREASONCODE_TOPIC_FILTER_INVALID));
  }
}

void Session::set_subscribe_callbacks(MQTTAsync_responseOptions& call) {
  call.context = this;
  if (options_.mqtt5) {
    call.onSuccess5 = [](void* self, MQTTAsync_successData5* data) {
      std::vector<std::uint8_t> reasons;
      if (data->alt.sub.reasonCodeCount <= 1) {
        reasons.push_back(static_cast<std::uint8_t>(data->reasonCode));
      } else {
        for (int i = 0; i < data->alt.sub.reasonCodeCount; ++i) {
          reasons.push_back(static_cast<std::uint8_t>(data->alt.sub.reasonCodes[i]));
        }
      }
      static_cast<Session*>(self)->inbox_->subscribed(std::move(reasons));
    };
    call.onFailure5 = [](void* self, MQTTAsync_failureData5* data) {
      if (data->code == MQTTASYNC_OPERATION_INCOMPLETE) return;  // going down
      static_cast<Session*>(self)->inbox_->subscribed(
          {static_cast<std::uint8_t>(std::max<int>(data->reasonCode, 0x80))});
    };
    return;
  }
  call.onSuccess = [](void* context, MQTTAsync_successData* data) {
    auto* self = static_cast<Session*>(context);
    std::vector<std::uint8_t> reasons;
    reasons.reserve(static_cast<std::size_t>(self->filters_asked_));
    // The union holds a list only when several were asked for.
    for (int i = 0; i < self->filters_asked_; ++i) {
      reasons.push_back(
          static_cast<std::uint8_t>(self->filters_asked_ == 1 ? data->alt.qos : data->alt.qosList[i]));
    }
    self->inbox_->subscribed(std::move(reasons));
  };
  call.onFailure = [](void* self, MQTTAsync_failureData* data) {
    if (data->code != MQTTASYNC_OPERATION_INCOMPLETE) static_cast<Session*>(self)->inbox_->subscribed({0x80});
  };
}

}  // namespace sluice::uplink::paho
