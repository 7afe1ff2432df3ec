// AWS and a CVM as a script, for the tests of the identity room: certificates with their states, tokens,
// first contacts, fleet provisioning, lanes. It survives the death of a room; what the room did to it can be
// counted.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "identity/identity.hpp"
#include "tests/support/certificates.hpp"

namespace sluice::identity::test {

class ScriptedCloud {
 public:
  explicit ScriptedCloud(boost::asio::io_context& loop);

  // What the room is given. Answers come on later turns of the loop; none once `deaf()`.
  Doors doors();
  // The room that has these doors is dead: its answers go nowhere.
  void forget_doors() { alive_ = std::make_shared<bool>(true); }

  struct Certificate {
    std::string thing, public_key, pem;
    bool active = true;
  };
  std::size_t active(const std::string& thing);
  std::optional<std::string> lane_certificate(LaneId lane) const;

  // The script. HTTP is served by workers: flags and counts are atomic, the rest is for when nothing is under
  // way.
  std::map<std::string, std::string> tokens;  // productid: token
  std::atomic<bool> reachable = true;         // HTTPS and MQTT
  std::atomic<bool> reissue = true;           // CVM: another key gets another certificate,
  std::atomic<bool> retires_at_once =
      false;  // and the former one is retired now, not when the same key asks again
  std::atomic<bool> registers_at_contact = false;  // JITP: certificates of our CA
  std::atomic<unsigned> drops = 1;                 // first contacts that are dropped before it counts
  nlohmann::json device_configuration = nlohmann::json::object();  // fleet
  std::atomic<bool> in_kind = true;                                // fleet: the hook looks at tokens
  std::vector<std::pair<unsigned, std::string>>
      answers;                                  // next answers of the CVM, instead of its own: status, body
  std::string retry_after = "";                 // header of those
  std::string thing_instead;                    // the CVM names another thing
  std::atomic<bool> other_key = false;          // the CVM certifies a key that is not the CSR's
  std::atomic<bool> awslabs = false;            // speaks the awslabs shape
  std::atomic<bool> takes_certificates = true;  // false: MQTT refuses every one
  std::atomic<bool> lose_answers = false;       // the work is done, the answer never comes

  // What happened.
  std::atomic<unsigned> requests = 0, refused = 0, connects = 0, talks = 0;
  std::vector<std::string> urls, bodies, headers;
  std::vector<std::string> claims;  // client ids of the claim certificate
  std::map<LaneId, CloudIdentity> lanes;
  std::vector<LaneId> closed_lanes;
  std::map<std::string, Certificate> certificates;  // by id
  sluice::test::Pem ca;
  // fleet: no ownership token is good any more.
  void forget_claims() { ownership_.clear(); }

  aws::result<aws::HttpResponse> serve(const aws::HttpRequest& request);

 private:
  friend class ScriptedTalk;
  result<void> contact(const CloudIdentity& identity);
  std::string issue(const std::string& csr, const std::string& thing, bool active);
  aws::HttpResponse serve_cvm(const aws::HttpRequest& request);
  aws::HttpResponse serve_getcert(const aws::HttpRequest& request);
  result<std::string> converse(const std::string& topic, const std::string& payload);

  boost::asio::io_context& loop_;
  std::mutex mutex_;  // HTTP comes from workers
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<std::string, unsigned> contacts_;      // dropped so far, by certificate id
  std::map<std::string, std::string> ownership_;  // token: certificate id
  std::set<std::string> retiring_;                // CVM: certificate ids
};

}  // namespace sluice::identity::test
