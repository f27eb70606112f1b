"""Roles, policies and sessions, as IAM and STS were recorded to answer."""

import json

from pontoon_e2e.replay import not_replayed, run, scenario

IAM, STS = "iam/test_iam", "sts/test_sts"


def trust(principal, **more):
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


OF_EC2 = trust({"Service": "ec2.amazonaws.com"})
OF_LAMBDA = trust({"Service": "lambda.amazonaws.com"})


def role(aws, label=None, policy=OF_EC2, **more):
    made = aws.iam.create_role(RoleName="role", AssumeRolePolicyDocument=policy, **more)
    return aws.check(label, made)["Role"] if label else made["Role"]


@scenario(IAM, "TestIAMIntegrations::test_update_assume_role_policy")
def _(aws):
    document = trust({"Service": ["ec2.amazonaws.com"]}, Action=["sts:AssumeRole"])
    role(aws, "created_role", document)
    aws.check("updated_policy", aws.iam.update_assume_role_policy(RoleName="role", PolicyDocument=document))


@scenario(IAM, "TestIAMExtensions::test_create_role_with_malformed_assume_role_policy_document")
def _(aws):
    aws.fails("invalid-json", aws.iam.create_role, RoleName="role", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": [')


@scenario(
    IAM, "TestIAMIntegrations::test_create_describe_role", "TestIAMIntegrations::test_list_roles_with_permission_boundary"
)
def _(aws):
    created = "created_role" if "created_role" in aws.recorded else "create_role_result"
    role(aws, created, Path="/prefix/")
    if "get_role_result" in aws.recorded:
        aws.check("get_role_result", aws.iam.get_role(RoleName="role"))
    aws.check("list_roles_result", aws.iam.list_roles(PathPrefix="/prefix/"))


@scenario(IAM, "TestIAMIntegrations::test_role_attach_policy")
def _(aws):
    role(aws)
    allowed = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}}
    made = aws.iam.create_policy(PolicyName="policy-name", PolicyDocument=json.dumps(allowed))
    aws.check("create_policy_response", made)
    arn = made["Policy"]["Arn"]
    for label, faulty in {
        "non_existent_malformed_policy_arn": "longpolicynamebutnoarn",
        "existing_policy_name_provided": "policy-name-of-twenty-characters",
        "valid_arn_not_existent": arn + "123",
    }.items():
        aws.fails(label, aws.iam.attach_role_policy, RoleName="role", PolicyArn=faulty)
    aws.check("valid_policy_arn", aws.iam.attach_role_policy(RoleName="role", PolicyArn=arn))


@scenario(IAM, "TestIAMExtensions::test_role_with_path_lifecycle")
def _(aws):
    aws.bound["<path>"] = "/test/path/"
    role(aws, "create-role-response", OF_LAMBDA, Path="/test/path/")
    aws.check("get-role-response", aws.iam.get_role(RoleName="role"))
    aws.check("delete-role-response", aws.iam.delete_role(RoleName="role"))


@scenario(IAM, "TestIAMPolicyEncoding::test_put_role_policy_encoding")
def _(aws):
    encoded = f"arn%3Aaws%3Aapigateway%3A{aws.region}%3A%3A%2Frestapis%2Faaeeieije"
    aws.bound["<path:1>"] = "/a/path/"
    condition = {"StringEquals": {"aws:SourceArn": encoded}}
    role(aws, "create-role-response", trust({"Service": "lambda.amazonaws.com"}, Condition=condition), Path="/a/path/")
    resource = f"arn:aws:apigateway:{aws.region}::/tags/{encoded}"
    allowed = [{"Effect": "Allow", "Action": ["apigatway:PUT"], "Resource": [resource]}]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    aws.iam.put_role_policy(RoleName="role", PolicyName="policy", PolicyDocument=document)
    aws.check("get-policy-response", aws.iam.get_role_policy(RoleName="role", PolicyName="policy"))
    aws.check("get-role-response", aws.iam.get_role(RoleName="role"))
    aws.check("list-roles-response", aws.iam.list_roles(PathPrefix="/a/path/"))


@scenario(IAM, "TestIAMIntegrations::test_delete_non_existent_policy_returns_no_such_entity")
def _(aws):
    arn = f"arn:aws:iam::{aws.account}:policy/non-existent-policy"
    aws.fails("delete-non-existent-policy-exc", aws.iam.delete_policy, PolicyArn=arn)


@scenario(IAM, "TestRoles::test_role_with_tags")
def _(aws):
    role(aws, "create-role-response", Path="/role-with-tags/", Tags=[{"Key": "test", "Value": "value"}])
    aws.check("get-role-response", aws.iam.get_role(RoleName="role"))
    aws.check("list-role-response", aws.iam.list_roles(PathPrefix="/role-with-tags/"))


@scenario(STS, "TestSTSIntegrations::test_assume_role")
def _(aws):
    aws.check("role-session-name", {"RoleSessionName": "session-name"})
    made = role(aws, "create-role", trust({"AWS": aws.account}))
    session = aws.sts.assume_role(RoleArn=made["Arn"], RoleSessionName="session-name")
    aws.check("assume-role", session)


@scenario(STS, "TestSTSIntegrations::test_sts_invalid_parameters")
def _(aws):
    for label, arn in {
        "malformed-arn": "nothing-valid-in-here",
        "no-partition": "arn::b:::something/test-role",
        "no-service": "arn:a::::something/test-role",
        "not-enough-colons": "arn:a:::something/test-role",
        "no-resource": "arn:a:a::aaaaaaaaaa:",
    }.items():
        aws.fails(label, aws.sts.assume_role, RoleArn=arn, RoleSessionName="Session1")
    named = {"RoleArn": f"arn:aws:iam::{aws.account}:role/role", "RoleSessionName": "Session1:2"}
    aws.fails("invalid-session-name", aws.sts.assume_role, **named)


not_replayed(IAM, "service-linked roles", "TestIAMServiceRoles::test_*")
not_replayed(IAM, "credentials of users", "TestIAMServiceSpecificCredentials::test_*")
not_replayed(IAM, "simulations of policies", "TestIAMIntegrations::test_simulate_principle_policy*")
not_replayed(IAM, "policies of users", "TestIAMIntegrations::test_user_attach_policy", "TestIAMPolicyEncoding::test_put_user_policy_encoding")
not_replayed(IAM, "groups", "TestIAMPolicyEncoding::test_put_group_policy_encoding")
not_replayed(STS, "federated users", "TestSTSIntegrations::test_get_federation_token")
not_replayed(STS, "session tags", "TestSTSAssumeRoleTagging::test_*")
run()
