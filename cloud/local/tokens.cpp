#include "cloud/local/tokens.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include "aws/cvm.hpp"
#include "cloud/lambda/token_check.hpp"
#include "cloud/local/registry/arn.hpp"

namespace sluice::cloud {
namespace {

Error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

std::vector<std::string> cells(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  std::vector<std::string> found;
  std::istringstream in(line + ",");
  for (std::string cell; std::getline(in, cell, ',');) {
    if (cell.size() > 1 && cell.starts_with('"') && cell.ends_with('"'))
      cell = cell.substr(1, cell.size() - 2);
    found.push_back(std::move(cell));
  }
  return found;
}

std::string* column(NewDevice& device, const std::string& name) {
  if (name == "productid") return &device.productid;
  if (name == "accessToken" || name == "token") return &device.token;
  if (name == "product") return &device.product;
  if (name == "region") return &device.region;
  return nullptr;
}

}  // namespace

result<std::string> add_token(lambda::DeviceTable& table, const NewDevice& device) {
  if (!lambda::valid_productid(device.productid))
    return wrong("productid \"" + device.productid +
                 "\": it is the thing's name, 1 to 128 of a-z A-Z 0-9 : _ -");
  if (device.token.size() > aws::cvm::kMaxAccessToken) return wrong("the token is longer than 1024 bytes");
  const auto known = table.find(device.productid);
  if (!known) return Error{errc::io, known.error().text};
  if (*known)
    return Error{errc::exists, device.productid + " is in the table; remove devices/" + device.productid +
                                   ".json to make it new"};
  std::string token = device.token.empty() ? random_hex(20) : device.token;
  lambda::DeviceRecord record;
  record.productid = device.productid;
  record.token_hash = lambda::hash_access_token(token);
  record.product = device.product;
  record.region = device.region;
  if (record.token_hash.empty()) return Error{errc::io, "the token cannot be hashed"};
  if (const auto done = table.put(record); !done) return Error{errc::io, done.error().text};
  return token;
}

result<std::vector<NewDevice>> parse_device_csv(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line)) return wrong("the file is empty");
  const auto names = cells(line);
  NewDevice probe;
  for (const auto& name : names) {
    if (column(probe, name) == nullptr)
      return wrong("line 1: column \"" + name + "\" is not productid, accessToken, product or region");
  }
  if (std::ranges::find(names, "productid") == names.end())
    return wrong("line 1: there is no column productid");
  std::vector<NewDevice> devices;
  std::set<std::string> seen;
  for (int number = 2; std::getline(in, line); ++number) {
    if (line.empty() || line == "\r") continue;
    auto values = cells(line);
    const auto where = "line " + std::to_string(number) + ": ";
    if (values.size() != names.size())
      return wrong(where + std::to_string(values.size()) + " columns instead of " +
                   std::to_string(names.size()));
    NewDevice device;
    for (std::size_t i = 0; i < names.size(); ++i) *column(device, names[i]) = std::move(values[i]);
    if (!lambda::valid_productid(device.productid))
      return wrong(where + "productid \"" + device.productid + "\" is not taken");
    if (!seen.insert(device.productid).second) return wrong(where + device.productid + " comes twice");
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace sluice::cloud
