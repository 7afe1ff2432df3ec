// The SMP adapter between its gateway and one device: attaches the device with its firmware, publishes the
// state of its images, answers the update calls of the contract. One thing at a time on the line.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "plugins/sdk/run.hpp"
#include "plugins/smp/settings.hpp"
#include "plugins/smp/target.hpp"

namespace sluice::smp {

class Driver final : public adapter::Driver {
 public:
  Driver(adapter::House house, Settings settings, std::unique_ptr<Transport> transport, Log log);

  void start() override;
  void message(const adapter::Message& message, adapter::Reply reply) override;
  void call(const adapter::Call& call, adapter::Reply reply) override;
  void detached(std::string_view device, std::string_view reason, std::string_view text) override;
  void stop(std::function<void()> done) override;

 private:
  using Work = std::function<boost::asio::awaitable<void>()>;
  // What an update is about, from its begin until the next one.
  struct Update {
    std::string id, hash;
    UploadHead head;
    bool begun_on_device = false;
    bool complete = false;
  };
  // A call as it waits: the views of the contract's call are gone by then.
  struct Step {
    std::string operation, update, bytes;
    adapter::Json arguments;
    std::uint64_t offset = 0;
    MonoTime deadline{};
  };

  bool enqueue(Work work);
  void next();

  boost::asio::awaitable<void> look();  // at the device; attach or publish what is new
  void attach(const DeviceFacts& facts);
  void publish(const std::vector<Slot>& slots);
  void seen(const DeviceFacts& facts);
  void away(const Error& error);
  void look_after(Duration delay);

  boost::asio::awaitable<adapter::Answer> answer(const Step& step);
  boost::asio::awaitable<adapter::Answer> probe();
  boost::asio::awaitable<adapter::Answer> begin(const Step& step);
  boost::asio::awaitable<adapter::Answer> write(const Step& step);
  boost::asio::awaitable<adapter::Answer> verify(const Step& step);
  boost::asio::awaitable<adapter::Answer> revert(const Step& step);
  adapter::Json capabilities() const;

  adapter::House house_;
  Settings settings_;
  std::unique_ptr<Transport> transport_;
  SmpTarget target_;
  Log log_;
  Timer look_timer_;
  std::deque<Work> waiting_;
  bool working_ = false, looking_ = false, stopping_ = false;
  bool attached_ = false, attaching_ = false;
  std::optional<DeviceFacts> facts_;
  std::string attached_as_, published_;
  std::optional<Update> update_;
};

// What the daemon gets to see of a refusal or a silence.
adapter::Answer failure_of(const Error& error);

}  // namespace sluice::smp
