"""The operator's tools, worked out by hand on the world of conftest.py."""

import pytest


class TestLookups:
    def test_a_customer_by_phone(self, standard):
        assert standard.ok("get_customer_by_phone", phone_number="555-000-0002")["customer_id"] == "C1"
        assert standard.ok("get_customer_by_phone", phone_number="555-999-0002")["customer_id"] == "C2"
        assert "no customer has" in standard.refused("get_customer_by_phone", phone_number="555")

    def test_a_customer_by_id_and_name(self, standard):
        assert standard.ok("get_customer_by_id", customer_id="C2")["full_name"] == "Bo Li"
        found = standard.ok("get_customer_by_name", full_name="ann reyes", dob="1990-01-02")
        assert [one["customer_id"] for one in found] == ["C1"]
        assert standard.ok("get_customer_by_name", full_name="Ann Reyes", dob="1990-01-03") == []
        assert "customer 'C9' not found" in standard.refused("get_customer_by_id", customer_id="C9")

    @pytest.mark.parametrize(("id", "field"), [("C1", "email"), ("L1", "status"), ("D1", "model"), ("B1", "total_due")])
    def test_details(self, standard, id, field):
        assert field in standard.ok("get_details_by_id", id=id)

    @pytest.mark.parametrize("id", ["", "X1", "L9"])
    def test_details_of_nothing(self, standard, id):
        assert "nothing has the id" in standard.refused("get_details_by_id", id=id)

    def test_bills_are_listed_the_latest_first(self, standard):
        bills = standard.ok("get_bills_for_customer", customer_id="C1")
        assert [bill["bill_id"] for bill in bills] == ["B3", "B2", "B1"]
        assert len(standard.ok("get_bills_for_customer", customer_id="C1", limit=1)) == 1

    def test_data_usage(self, standard, tau2):
        usage = standard.ok("get_data_usage", customer_id="C1", line_id="L1")
        assert (usage["data_used_gb"], usage["data_limit_gb"], usage["cycle_end_date"]) == (4.0, 5.0, "2025-02-28")
        assert tau2.ok("get_data_usage", customer_id="C1", line_id="L1")["data_used_gb"] == "4.0"

    def test_a_line_of_another_customer(self, standard):
        for tool in ("get_data_usage", "resume_line", "enable_roaming", "disable_roaming"):
            assert "not one of customer" in standard.refused(tool, customer_id="C2", line_id="L1")


class TestLines:
    def test_suspend_and_resume(self, standard):
        told = standard.ok("suspend_line", customer_id="C1", line_id="L1", reason="lost")
        assert (told["line"]["status"], told["line"]["suspension_start_date"]) == ("Suspended", "2025-02-25")
        assert "only an active line" in standard.refused("suspend_line", customer_id="C1", line_id="L1", reason="")
        assert standard.around["line_active"] is False
        line = standard.ok("resume_line", customer_id="C1", line_id="L1")["line"]
        assert (line["status"], line["suspension_start_date"]) == ("Active", None)
        assert "only a suspended line" in standard.refused("resume_line", customer_id="C1", line_id="L1")

    def test_roaming(self, standard):
        assert standard.ok("enable_roaming", customer_id="C1", line_id="L1") == "Roaming enabled successfully"
        assert standard.around["roaming_allowed"]
        assert standard.ok("enable_roaming", customer_id="C1", line_id="L1") == "Roaming was already enabled"
        assert standard.ok("disable_roaming", customer_id="C1", line_id="L1") == "Roaming disabled successfully"
        assert not standard.line()["roaming_enabled"]

    def test_refuelling_goes_onto_the_draft(self, standard):
        # 1.5 GB at 5.00 are 7.50.
        told = standard.ok("refuel_data", customer_id="C1", line_id="L1", gb_amount=1.5)
        assert told == {
            "message": "Successfully added 1.5 GB of data for line L1 for $7.50",
            "new_data_refueling_gb": 1.5,
            "charge": 7.5,
        }
        assert standard.bill("B3")["total_due"] == 7.5
        assert standard.bill("B3")["line_items"][0]["description"] == "Data refueling: 1.5 GB at $5.0/GB"

    def test_refuelling_begins_a_bill_where_there_is_none(self, standard):
        standard.ok("refuel_data", customer_id="C2", line_id="L3", gb_amount=2)
        new = standard.world.get("customers", "C2")["bill_ids"][-1]
        bill = standard.bill(new)
        assert (bill["status"], bill["total_due"], bill["period_start"]) == ("Draft", 4.0, "2025-03-01")

    def test_refuelling_by_nothing(self, standard, tau2):
        for caller in (standard, tau2):
            caller.refused("refuel_data", customer_id="C1", line_id="L1", gb_amount=0)
            caller.refused("refuel_data", customer_id="C1", line_id="L1", gb_amount=-1)


class TestPayment:
    def test_a_bill_is_asked_for_and_paid_on_the_phone(self, standard):
        assert "do not have" in standard.phone("check_payment_request")
        standard.ok("send_payment_request", customer_id="C1", bill_id="B2")
        assert standard.bill("B2")["status"] == "Awaiting Payment"
        assert standard.phone("check_payment_request") == "You have a payment request for bill B2 of 45.5 USD."
        assert standard.phone("make_payment") == "Payment of 45.5 USD has been made for bill B2."
        assert standard.bill("B2")["status"] == "Paid"
        assert standard.around["payment_request"] is None
        assert "do not have" in standard.refused("make_payment", "user")

    def test_one_at_a_time(self, standard):
        standard.ok("send_payment_request", customer_id="C1", bill_id="B2")
        assert "awaiting payment already" in standard.refused("send_payment_request", customer_id="C1", bill_id="B3")

    def test_a_bill_of_another_customer(self, standard):
        assert "not one of customer" in standard.refused("send_payment_request", customer_id="C1", bill_id="B4")
        assert "bill 'B9' not found" in standard.refused("send_payment_request", customer_id="C1", bill_id="B9")

    def test_a_request_to_somebody_else_does_not_reach_the_phone(self, standard):
        standard.ok("send_payment_request", customer_id="C2", bill_id="B4")
        assert standard.around["payment_request"] is None
