"""Resource policies of functions, as Lambda was recorded to answer."""

from pontoon_e2e.functions import create, created, get
from pontoon_e2e.replay import not_replayed, part_of, run, scenario

API = "lambda_/test_lambda_api"
part_of(API, "TestLambdaPermissions")
INVOKE = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
BUCKET = {"SourceArn": "arn:aws:s3:::a-bucket"}


@scenario(API, "TestLambdaPermissions::test_add_lambda_permission_aws")
def _(aws):
    functions, f = aws.client("lambda"), "permitted"
    created(aws, "create_lambda", f)
    aws.check("add_permission", functions.add_permission(FunctionName=f, StatementId="s3", **INVOKE, **BUCKET))
    aws.check("get_policy", functions.get_policy(FunctionName=f))


@scenario(API, "TestLambdaPermissions::test_create_multiple_lambda_permissions")
def _(aws):
    functions, f = aws.client("lambda"), "permitted"
    create(aws, f)
    for n, service in enumerate(("logs", "kinesis"), 1):
        options = INVOKE | {"StatementId": service, "Principal": f"{service}.amazonaws.com"}
        aws.check(f"add_permission_response_{n}", functions.add_permission(FunctionName=f, **options))
    aws.check("policy_after_2_add", functions.get_policy(FunctionName=f))


@scenario(API, "TestLambdaPermissions::test_remove_multi_permissions")
def _(aws):
    functions, of = aws.client("lambda"), {"FunctionName": "permitted"}
    create(aws, "permitted")
    remove = functions.remove_permission
    aws.check("add_permission_1", functions.add_permission(**of, StatementId="s3", **INVOKE))
    second = INVOKE | {"StatementId": "sqs", "Principal": "sqs.amazonaws.com"} | BUCKET
    aws.check("add_permission_2", functions.add_permission(**of, **second))
    aws.check("policy_after_2_add", functions.get_policy(**of))
    aws.fails("remove_permission_exception_nonexisting_sid", remove, **of, StatementId="non-existent")
    remove(**of, StatementId="sqs")
    revision = functions.get_policy(**of)
    aws.check("policy_after_removal", revision)
    aws.check("policy_after_removal_attempt", functions.get_policy(**of))
    remove(**of, StatementId="s3", RevisionId=revision["RevisionId"])
    aws.fails("get_policy_exception_removed_all", functions.get_policy, **of)


@scenario(API, "TestLambdaPermissions::test_add_lambda_permission_fields")
def _(aws):
    add = aws.client("lambda").add_permission
    create(aws, "permitted")
    aws.bound["<user_arn>"] = f"arn:aws:iam::{aws.account}:user/someone"
    of_account = {"SourceAccount": aws.account}
    for label, sid, principal, options in (
        ("principal_wildcard", "wilcard", "*", of_account),
        ("principal_service", "lambda", "lambda.amazonaws.com", of_account),
        ("principal_account", "account-id", aws.account, {}),
        ("principal_arn", "user-arn", aws.bound["<user_arn>"], of_account),
        (
            "optional_fields",
            "urlPermission",
            "*",
            of_account
            | BUCKET
            | {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE", "PrincipalOrgID": "o-1234567890"},
        ),
        (
            "alexa_skill",
            "alexaSkill",
            "*",
            {"EventSourceToken": "amzn1.ask.skill.xxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"},
        ),
    ):
        options = INVOKE | {"StatementId": sid, "Principal": principal} | options
        aws.check(f"add_permission_{label}", add(FunctionName="permitted", **options))


@scenario(API, "TestLambdaPermissions::test_permission_exceptions")
def _(aws):
    functions, f = aws.client("lambda"), "permitted"
    create(aws, f)
    aws.bound["<function-name>"] = f

    def adding(label, name=f, **options):
        aws.fails(f"add_permission_{label}", functions.add_permission, FunctionName=name, **({"StatementId": "s3"} | INVOKE | options))

    adding("invalid_statement_id", StatementId="example.com")
    adding("fn_qualifier_mismatch", f"{f}:alias-not-42", Qualifier="42")
    adding("fn_qualifier_latest", Qualifier="$LATEST")
    adding("principal_invalid", Principal="invalid.nonaws.com")
    aws.fails("get_policy_fn_doesnotexist", functions.get_policy, FunctionName="doesnotexist")
    aws.fails("get_policy_fn_version_doesnotexist", functions.get_policy, FunctionName=f, Qualifier="42")
    adding("fn_doesnotexist", "doesnotexist")
    remove = functions.remove_permission
    aws.fails("remove_permission_policy_doesnotexist", remove, FunctionName=f, StatementId="s3")
    adding("fn_alias_doesnotexist", Qualifier="alias-doesnotexist")
    adding("fn_version_doesnotexist", Qualifier="42")
    adding("fn_qualifier_invalid", Qualifier="invalid-qualifier-with-?-char")
    adding("fn_qualifier_valid_doesnotexist", Qualifier="valid-with-$-but-doesnotexist")
    functions.add_permission(FunctionName=f, StatementId="s3", **INVOKE)
    adding("conflicting_statement_id")
    aws.fails("remove_permission_fn_doesnotexist", remove, FunctionName="doesnotexist", StatementId="s3")
    missing = {"FunctionName": f, "StatementId": "s3", "Qualifier": "alias-doesnotexist"}
    aws.fails("remove_permission_fn_alias_doesnotexist", remove, **missing)


@scenario(API, "TestLambdaPermissions::test_lambda_permission_fn_versioning")
def _(aws):
    functions, f = aws.client("lambda"), "permitted"
    grant = {"FunctionName": f, "StatementId": "s3", **INVOKE, **BUCKET}
    create(aws, f)

    def policy(label, **options):
        answer = functions.get_policy(FunctionName=f, **options)
        return aws.check(label, answer)["RevisionId"]

    aws.check("add_permission", functions.add_permission(**grant))
    policy("get_policy")
    aws.check("publish_version_result", functions.publish_version(FunctionName=f))
    get(aws, "get_function_result_after_publishing", f)
    known = policy("get_policy_after_publishing_latest")
    aws.fails("get_policy_after_publishing_new_version", functions.get_policy, FunctionName=f, Qualifier="1")
    functions.add_permission(**grant, Qualifier="1")
    policy("get_policy_version", Qualifier="1")
    alias = functions.create_alias(FunctionName=f, Name="permission-alias", FunctionVersion="1")
    aws.check("create_alias_response", alias)
    aws.check("get_alias", functions.get_alias(FunctionName=f, Name="permission-alias"))
    stale = grant | {"Qualifier": "permission-alias", "RevisionId": "wrong"}
    aws.fails("add_permission_alias_revision_exception", functions.add_permission, **stale)
    functions.add_permission(**grant, Qualifier="permission-alias")
    policy("get_policy_alias", Qualifier="permission-alias")
    policy("get_policy_after_adding_to_new_version")
    functions.add_permission(**grant | {"StatementId": "s3_2"}, RevisionId=known)
    policy("get_policy_after_adding_2")


OLD = "recorded before policies had revisions of their own; test_lambda_permission_fn_versioning records the same since"
not_replayed(
    API,
    OLD,
    "TestLambdaPermissions::test_lambda_permission_versioning",
    "TestLambdaPermissions::test_lambda_permission_revisions",
)
not_replayed(API, "nothing is recorded of it", "TestLambdaPermissions::test_add_lambda_permission_optional_fields")

run()
