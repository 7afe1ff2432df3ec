// AWS and a CVM as a script, for the tests of the identity room: certificates with their states, tokens,
// first contacts, fleet provisioning, lanes. It survives the death of a room; what the room did to it can be
// counted.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "aws/cvm.hpp"
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

  std::size_t active(const std::string& thing);  // certificates of it
  bool is_active(const std::string& certificate_id);
  void set_active(const std::string& certificate_id, bool active);
  void set_all_active(bool active);
  std::size_t issued();  // certificates so far
  std::optional<std::string> lane_certificate(LaneId lane) const;
  // The next answer of the CVM, instead of its own.
  void will_answer(unsigned status, const std::string& body);
  bool has_answered_all();

  // The script. HTTP is served by workers: flags and counts are atomic, what has a method above is locked,
  // and the rest is for when nothing is under way.
  std::map<std::string, std::string> tokens;  // productid: token
  std::atomic<bool> reachable = true;         // HTTPS and MQTT
  std::atomic<bool> reissue = true;           // CVM: another key gets another certificate,
  std::atomic<bool> retires_at_once = false;  // and the former one is retired now, not when it is asked to
  std::atomic<bool> registers_at_contact = false;  // JITP: certificates of our CA
  std::atomic<unsigned> drops = 1;                 // first contacts that are dropped before it counts
  nlohmann::json device_configuration = nlohmann::json::object();  // fleet
  std::atomic<bool> in_kind = true;                                // fleet: the hook looks at tokens
  std::string retry_after = "";                                    // header of what it will_answer()
  std::string thing_instead;                                       // the CVM names another thing
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
  sluice::test::Pem ca;
  // fleet: no ownership token is good any more.
  void forget_claims() { ownership_.clear(); }

  aws::result<aws::HttpResponse> serve(const aws::HttpRequest& request);

 private:
  friend class ScriptedTalk;
  struct Certificate {
    std::string thing, public_key, pem;
    bool active = true;
  };
  result<void> contact(const CloudIdentity& identity);
  std::string issue(const std::string& csr, const std::string& thing, bool active);
  aws::HttpResponse serve_cvm(const aws::HttpRequest& request);
  std::string serve_retire(const aws::cvm::RetireRequest& request);
  aws::HttpResponse serve_getcert(const aws::HttpRequest& request);
  result<std::string> converse(const std::string& topic, const std::string& payload);

  boost::asio::io_context& loop_;
  std::mutex mutex_;                                 // HTTP comes from workers
  std::map<std::string, Certificate> certificates_;  // by id
  std::deque<std::pair<unsigned, std::string>> answers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<std::string, unsigned> contacts_;      // dropped so far, by certificate id
  std::map<std::string, std::string> ownership_;  // token: certificate id
};

}  // namespace sluice::identity::test
