// A device that an adapter speaks for, as a client of the broker like any other: with its session, its
// rights, its limits. MQTT packets that a socket would carry are made and read here.
//
//   adapter ─▶ AdapterSession ─▶ SessionHost::publish_for       what the device says
//   adapter ◀─ AdapterSession ◀─ AttachedDevice ◀─ mqtt::Broker  what it hears; PUBACK when the device has it
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "device/adapter_contract.hpp"
#include "device/wire.hpp"

namespace sluice::device {

// What became of it; on the loop, not from inside its methods or the broker's.
struct AttachedEvents {
  // The broker has taken it in, with or without a session of before; or why not.
  std::function<void(result<bool> session_present)> opened;
  // A message for the device; `number` 0: QoS 0, nobody waits for an answer.
  std::function<void(const mqtt::Publish& publish, std::uint32_t number)> message;
  // The broker has ended it.
  std::function<void(std::string why)> closed;
};

class AttachedDevice final : public Wire, public std::enable_shared_from_this<AttachedDevice> {
 public:
  AttachedDevice(boost::asio::io_context& loop, Clock& clock, std::string adapter,
                 std::shared_ptr<Device> device, AttachRequest request, AttachedEvents events);

  void open(mqtt::Broker& broker);
  // Attached again: what may change without a new session.
  void again(AttachRequest request, std::function<void(result<bool>)> done);
  // The adapter lets go of it, or has gone; no event follows.
  void end(std::string_view why);
  // The device has the message, or never will: it is forgotten.
  void answered(std::uint32_t number);
  // It is to be sent again in a while.
  void postpone(std::uint32_t number);
  // Once a second: keep-alive, messages that are sent again.
  void tick(MonoTime now);

  const std::shared_ptr<Device>& device() const { return device_; }
  const AttachRequest& request() const { return request_; }
  bool is_open() const { return open_; }
  bool waits_for(std::uint32_t number) const { return waiting_.contains(number); }
  std::size_t waiting() const { return waiting_.size(); }

  // Wire
  void wake() override;
  std::size_t unsent() const override { return out.size(); }
  void close() override;
  std::string address() const override { return "adapter " + adapter_; }
  const char* transport() const override { return "adapter"; }
  std::shared_ptr<Device> proven() const override { return device_; }
  void limit(double, double) override {}  // the adapter's own limits hold for all of its devices
  void count_publish() override {}

 private:
  struct Waiting {
    std::string packet;  // the PUBLISH, for when it is sent again
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 1;
    MonoTime again;
  };
  void read();
  void take(const mqtt::Packet& packet, std::string_view bytes);
  void take_publish(const mqtt::Publish& publish, std::string_view bytes);
  void say(const std::string& packet);
  bool wants(std::string_view topic) const;

  boost::asio::io_context& loop_;
  Clock& clock_;
  std::string adapter_;
  std::shared_ptr<Device> device_;
  AttachRequest request_;
  AttachedEvents events_;
  mqtt::Connection* connection_ = nullptr;
  bool open_ = false, session_present_ = false, posted_ = false;
  std::uint32_t last_number_ = 0;
  std::map<std::uint32_t, Waiting> waiting_;
  MonoTime pinged_;
  std::function<void(result<bool>)> subscribed_;
  std::string goodbye_;
};

}  // namespace sluice::device
