"""The event of EventBridge's recordings, and a pattern that it matches."""

import json

DETAIL = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
ENTRY = {"Source": "core.update-account-command", "DetailType": "core.update-account-command", "Detail": json.dumps(DETAIL)}
PATTERN = json.dumps(
    {
        "source": ["core.update-account-command"],
        "detail-type": ["core.update-account-command"],
        "detail": {"command": ["update-account"]},
    }
)
