// The door between those who let devices in and those who get them identities in AWS: implemented by the
// identity room, called by the device room; app connects them. Loop thread.
#pragma once

#include <functional>
#include <string>

#include "core/secret.hpp"

namespace sluice {

// A device that asks to come in, with what it says of itself.
struct Newcomer {
  std::string id;       // its productid, and its thing's name
  std::string product;  // of devices.products
  Secret token;
  bool proven = false;  // it is a known device, and its token was checked here
};

struct Admission {
  enum class Kind {
    granted,      // the service knows it: it has a certificate, or gets it
    held,         // not judged yet: it may come in, its readings wait
    refused,      // the token is not its own, or the service will not have it
    unavailable,  // not judged, and the policy is to wait outside
    full,         // too many wait for their judgement already
  };
  Kind kind = Kind::unavailable;
  std::string text;  // why not, in words
};

class Enrolment {
 public:
  virtual ~Enrolment() = default;
  // A device whose product has an identity of its own asks to come in: a known one each time, an unknown one
  // as long as nobody has let it in. Answers once, from inside or within a few seconds.
  virtual void admit(Newcomer newcomer, std::function<void(Admission)> answer) = 0;
  // The product of an unknown device that is expected (it was imported); empty: nobody expects it.
  virtual std::string product_of(const std::string& id) const = 0;
  // The device was removed: its lane closes, its key is destroyed, what waits is counted.
  virtual void forget(const std::string& id) = 0;
  // The service has refused a device that was let in: whoever hears this sends it away. One subscriber.
  virtual void on_turned_away(std::function<void(const std::string& id, const std::string& why)> fn) = 0;
};

}  // namespace sluice
