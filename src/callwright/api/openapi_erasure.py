"""What erases, in the OpenAPI document."""

from typing import Any

from callwright.api import erasure_models, examples
from callwright.api.openapi_parts import body, parameters, path_parameter, responses

BODIES = (erasure_models.ErasureBody,)
ANSWERS = (erasure_models.ErasureData,)

_ERASED = (
    ("calls", "call_id", "call123", "Recording, transcript, analysis, callbacks and all that was sent of it. "),
    ("customers", "customer_id", "customer123", "Name, address, dispositions, and its calls like one call. "),
)


def added(base: str, paths: dict[str, Any]) -> dict[str, Any]:
    """The paths with what erases, which is partly at addresses that are there."""
    for collection, name, value, text in _ERASED:
        resource = name.removesuffix("_id").capitalize()
        paths[f"{base}/{collection}/{{{name}}}"]["delete"] = {
            "operationId": f"erase{resource}",
            "summary": f"Erase a {resource.lower()}",
            "description": f"{text}What remains is an anonymous mark, by which a call that is sent again is a "
            "`duplicate`. Where `status` is `pending`, the rest follows by itself.",
            "tags": ["Erasure"],
            "parameters": [path_parameter(name, value), *parameters()],
            "responses": responses("ErasureData", examples.ERASURE, 404, missing=f"{resource} not found"),
        }
    answers = responses("ErasureData", examples.ERASURE, 404, 413, 415, 422, missing="Customer not found")
    return {
        **paths,
        f"{base}/erasures": {
            "post": {
                "operationId": "erasePerson",
                "summary": "Erase a person",
                "description": "By the customer's id, a phone number or an address of mail. That nobody has the number "
                "or the address is no error: `calls` is then 0.",
                "tags": ["Erasure"],
                "parameters": parameters(),
                "requestBody": body("ErasureBody", examples.ERASURE_BODY),
                "responses": answers,
            }
        },
        f"{base}/erasures/{{erasure_id}}": {
            "get": {
                "operationId": "readErasure",
                "summary": "Ask what an erasure has come to",
                "tags": ["Read"],
                "parameters": [path_parameter("erasure_id", examples.ERASURE["erasure_id"]), *parameters()],
                "responses": responses("ErasureData", examples.ERASURE, 404, missing="Erasure not found"),
            }
        },
    }
