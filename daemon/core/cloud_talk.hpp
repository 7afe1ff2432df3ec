// A short conversation with AWS IoT over MQTT that is nobody's lane: fleet provisioning with a claim
// certificate, the first contact of a certificate that AWS does not know yet (JITP, JITR). Implemented by
// uplink, used by identity; app connects them. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/cloud_identity.hpp"
#include "core/error.hpp"

namespace sluice {

class CloudTalk {
 public:
  // Disconnects; no answer comes any more.
  virtual ~CloudTalk() = default;
  // AWS's request and response over topics: subscribes `topic`/accepted and `topic`/rejected, waits for the
  // SUBACK, publishes, and answers once with the accepted payload. One request at a time. Errors: refused
  // (the text is the rejected payload as it came), denied (SUBACK or PUBACK says so), timeout, closed.
  virtual void request(std::string topic, std::string payload, Duration timeout,
                       std::function<void(result<std::string>)> done) = 0;
};

struct CloudTalkOptions {
  CloudIdentity identity;  // `thing` is the client id
  Duration timeout = std::chrono::seconds(20);
};

// `opened` is called once: with the conversation, or with the reason why there is none. Error codes:
// unreachable, timeout, tls (our certificate or theirs), unauthorized (CONNACK says no), closed (cut after
// TLS without a word: what AWS does to a certificate it has just begun to register).
using CloudTalkOpener = std::function<void(CloudTalkOptions options,
                                           std::function<void(result<std::unique_ptr<CloudTalk>>)> opened)>;

}  // namespace sluice
