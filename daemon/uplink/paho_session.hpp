// The pieces of the Paho link: what all links share, the thread that hands publishes to Paho, and one
// client's life. Private to paho_*.cpp, which alone see Paho.
#pragma once

#include <MQTTAsync.h>

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "uplink/cloud_link.hpp"
#include "uplink/link_inbox.hpp"
#include "uplink/workers.hpp"

namespace sluice::uplink::paho {

inline constexpr std::size_t kWorkers = 4;

class Session;

// Where a publish's answer is to be put.
struct Slot {
  Session* session = nullptr;
  std::uint64_t token = 0;
};

struct Parcel {
  std::shared_ptr<Session> session;
  Publication publication;
  std::uint64_t token = 0;
};

// One thread that hands publishes to Paho, so that neither Paho's locks nor its copies are the loop's
// business.
class Courier {
 public:
  Courier() : thread_([this] { run(); }) {}
  ~Courier() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void take(Parcel&& parcel) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = parcels_.empty();
      parcels_.push_back(std::move(parcel));
    }
    if (first) wake_.notify_one();
  }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Parcel> parcels_;
  bool stopping_ = false;
  std::thread thread_;
};

// What all links share. While `keeper` exists Paho keeps its threads between connections.
struct Pool {
  Pool(boost::asio::io_context& the_loop, Clock& the_clock, Log the_log)
      : loop(the_loop), clock(the_clock), log(std::move(the_log)) {
    MQTTAsync_create(&keeper, "tcp://127.0.0.1:1", "keeper", MQTTCLIENT_PERSISTENCE_NONE, nullptr);
  }
  ~Pool() {
    workers.reset();
    MQTTAsync_destroy(&keeper);
  }
  boost::asio::io_context& loop;
  Clock& clock;
  Log log;
  MQTTAsync keeper = nullptr;
  Courier courier;
  std::unique_ptr<Workers> workers = std::make_unique<Workers>(kWorkers);
};

// One client and its life in Paho's hands. Paho knows it by its address: it is kept by the task that destroys
// the client, until no callback can come any more.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(Pool& pool, std::weak_ptr<LinkEvents> events)
      : pool_(pool), inbox_(std::make_shared<LinkInbox>(pool.loop, std::move(events))) {}

  LinkInbox& inbox() { return *inbox_; }
  Pool& pool() { return pool_; }

  void connect(const LinkOptions& options);                 // worker
  void diagnose();                                          // worker
  void destroy();                                           // worker
  void publish(Parcel& parcel);                             // courier
  void subscribe(const std::vector<std::string>& filters);  // worker

 private:
  void open();
  void fail(ConnectFailure failure) { inbox_->connect_failed(std::move(failure)); }
  Slot* slot(std::uint64_t token);
  void answer(Slot* slot, std::uint8_t reason, bool answered);
  void set_publish_callbacks(MQTTAsync_responseOptions& call);
  void set_subscribe_callbacks(MQTTAsync_responseOptions& call);
  void set_connect_callbacks(MQTTAsync_connectOptions& connect);
  void view_properties(const Publication& publication, MQTTProperties& out);
  // Callbacks, on Paho's threads, under Paho's lock.
  void on_connected(bool session_present, const MQTTProperties* properties);
  void on_connect_failed(const char* message, int code);
  int on_message(char* topic, int topic_size, MQTTAsync_message* message);

  Pool& pool_;  // the factory's; it runs every task before it goes
  std::shared_ptr<LinkInbox> inbox_;
  LinkOptions options_;
  std::int64_t expires_ = 0;
  std::mutex handle_mutex_;  // one of our threads at a time; callbacks never take it
  MQTTAsync handle_ = nullptr;
  std::mutex slots_mutex_;
  std::deque<Slot> slots_;
  std::vector<Slot*> free_slots_;
  int filters_asked_ = 0;
  std::vector<MQTTProperty> properties_;  // of the publish in the courier's hands
};

}  // namespace sluice::uplink::paho
