// What devices say of themselves, as the products say it.
#include "plugins/mqtt/device_words.hpp"

#include <gtest/gtest.h>

#include "mqtt/codec.hpp"

namespace sluice::site {
namespace {

TEST(Availability, IsReadInEveryProductsWords) {
  for (const auto* text :
       {"online", "Online", "true", "1", R"({"state":"online"})", R"({"online":true})", "\"online\""})
    EXPECT_EQ(read_availability(text), true) << text;
  for (const auto* text :
       {"offline", "Offline", "false", "0", R"({"state":"offline"})", R"({"online":false})"})
    EXPECT_EQ(read_availability(text), false) << text;
  for (const auto* text : {"", "perhaps", "{}", "[", R"({"state":7})", R"({"other":"online"})", "[1]"})
    EXPECT_EQ(read_availability(text), std::nullopt) << text;
  EXPECT_EQ(read_availability(std::string(100'000, '[')), std::nullopt);
}

TEST(DeviceInfo, IsReadFromZigbee2MqttsList) {
  const InfoPointers pointers{"/friendly_name", "/definition/model", "/hardware_version",
                              "/software_build_id"};
  const auto all = read_info(R"([
    {"ieee_address":"0x00124b00120144ae","type":"Coordinator","friendly_name":"Coordinator"},
    {"ieee_address":"0x00158d0001dc126a","type":"EndDevice","friendly_name":"kitchen/heat","definition":{"model":"WSDCGQ01LM","vendor":"Xiaomi"},
     "software_build_id":"3000-0001","hardware_version":30},
    {"type":"Router","friendly_name":"new one","definition":null}, 7, {"type":"Router"}])",
                             pointers, 10);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "kitchen/heat");
  EXPECT_EQ(all[0].model, "WSDCGQ01LM");
  EXPECT_EQ(all[0].hardware, "30");
  EXPECT_EQ(all[0].firmware, "3000-0001");
  EXPECT_EQ(all[1].name, "new one");
  EXPECT_EQ(all[1].model, "");
}

TEST(DeviceInfo, IsReadFromTasmotaAndShelly) {
  const auto tasmota =
      read_info(R"({"ip":"10.0.0.7","dn":"Plug","t":"plug-1","md":"Sonoff Basic","sw":"13.1.0"})",
                {"/t", "/md", {}, "/sw"}, 10);
  ASSERT_EQ(tasmota.size(), 1U);
  EXPECT_EQ(tasmota[0].name + tasmota[0].model + tasmota[0].firmware, "plug-1Sonoff Basic13.1.0");
  const auto shelly =
      read_info(R"({"id":"shelly1-B929CC","model":"SHSW-1","fw_ver":"20230913-112003/v1.14.0"})",
                {"/id", "/model", {}, "/fw_ver"}, 10);
  ASSERT_EQ(shelly.size(), 1U);
  EXPECT_EQ(shelly[0].model, "SHSW-1");
}

TEST(DeviceInfo, IsBounded) {
  std::string many = "[";
  for (int n = 0; n < 100; ++n)
    many += (n == 0 ? "" : ",") + std::string(R"({"n":"d)") + std::to_string(n) + "\"}";
  EXPECT_EQ(read_info(many + "]", {"/n", {}, {}, {}}, 10).size(), 10U);
  std::string umlauts = "{\"n\":\"a";
  for (int n = 0; n < 200; ++n) umlauts += "\xc3\xa4";
  const auto cut = read_info(umlauts + "\"}", {"/n", {}, {}, {}}, 10);
  ASSERT_EQ(cut.size(), 1U);
  EXPECT_LE(cut[0].name.size(), 128U);
  EXPECT_TRUE(mqtt::valid_utf8(cut[0].name));
  EXPECT_TRUE(read_info("not json", {"/n", {}, {}, {}}, 10).empty());
  EXPECT_TRUE(read_info(std::string(100'000, '['), {"/n", {}, {}, {}}, 10).empty());
}

}  // namespace
}  // namespace sluice::site
