//! Stacks.

use std::collections::BTreeMap;

use pontoon_api::cloudformation as cfn;
use pontoon_core::ApiError;

use crate::{Pontoon, template};

/// The name of the stack that [`Pontoon::deploy`] makes.
const STACK: &str = "test";

/// A deployed stack: what its resources are called.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pontoon = pontoon_test::start().await;
/// let stack = pontoon.deploy("Resources: { Orders: { Type: AWS::SQS::Queue } }").await;
/// assert!(stack.id("Orders").starts_with(&pontoon.endpoint()));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    name: String,
    outputs: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
}

impl Stack {
    /// The stack's name.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let stack = pontoon.deploy("Resources: { Orders: { Type: AWS::SQS::Queue } }").await;
    /// assert_eq!(stack.name(), "test");
    /// # });
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An output's value.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let template = "
    /// Resources: { Orders: { Type: AWS::SQS::Queue } }
    /// Outputs: { Queue: { Value: !Ref Orders } }
    /// ";
    /// let stack = pontoon.deploy(template).await;
    /// assert_eq!(stack.output("Queue"), stack.id("Orders"));
    /// # });
    /// ```
    ///
    /// # Panics
    /// If there is no such output, naming those that there are.
    #[track_caller]
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        let names: Vec<&String> = self.outputs.keys().collect();
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name:?}, but {names:?}"))
    }

    /// The physical id of a resource by its logical id: what `Ref` gives, such as a queue's URL or a table's name.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let stack = pontoon.deploy("Resources: { Orders: { Type: AWS::SQS::Queue } }").await;
    /// assert!(stack.id("Orders").contains("/000000000000/test-Orders-"));
    /// # });
    /// ```
    ///
    /// # Panics
    /// If there is no such resource, naming those that there are.
    #[track_caller]
    #[must_use]
    pub fn id(&self, logical_id: &str) -> &str {
        let ids: Vec<&String> = self.resources.keys().collect();
        self.resources
            .get(logical_id)
            .unwrap_or_else(|| panic!("the stack has no resource {logical_id:?}, but {ids:?}"))
    }
}

impl Pontoon {
    /// Deploys a template, JSON or YAML, as the stack `test`, or updates that stack to it, and returns when it is complete.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let stack = pontoon.deploy("Resources: { Orders: { Type: AWS::SQS::Queue } }").await;
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// sqs.send_message().queue_url(stack.id("Orders")).message_body("one").send().await.unwrap();
    /// # });
    /// ```
    ///
    /// # Panics
    /// If it cannot be deployed, saying why.
    pub async fn deploy(&self, template: &str) -> Stack {
        self.deploy_stack(STACK, template, &[]).await
    }

    /// As [`Pontoon::deploy`], with the stack's name and the values of its parameters.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let template = "
    /// Parameters: { Name: { Type: String } }
    /// Resources: { Orders: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Name } } }
    /// ";
    /// let pontoon = pontoon_test::start().await;
    /// let stack = pontoon.deploy_stack("shop", template, &[("Name", "orders")]).await;
    /// assert!(stack.id("Orders").ends_with("/orders"));
    /// # });
    /// ```
    ///
    /// # Panics
    /// As [`Pontoon::deploy`].
    pub async fn deploy_stack(&self, name: &str, template: &str, parameters: &[(&str, &str)]) -> Stack {
        let deployed = self.try_deploy(name, template, parameters).await;
        deployed.unwrap_or_else(|reason| panic!("the stack {name} cannot be deployed: {reason}"))
    }

    async fn try_deploy(
        &self,
        name: &str,
        template: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Stack, String> {
        let body = template::prepare(template, &self.functions)?;
        let began = self.begin(name, body, parameters).await;
        match began {
            Err(error) if error.message.contains("No updates are to be performed") => {}
            began => began.map_err(|error| error.to_string())?,
        }
        self.settle().await;
        let stack = self.stack(name).await?.ok_or("it is gone")?;
        match stack.stack_status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" => {}
            status => return Err(format!("it is {status}: {}", self.failures(name).await?)),
        }
        let pair = |output: cfn::Output| Some((output.output_key?, output.output_value?));
        let outputs = stack.outputs.unwrap_or_default().into_iter().filter_map(pair).collect();
        let resources = self.resources(name).await?;
        Ok(Stack { name: name.to_owned(), outputs, resources })
    }

    async fn begin(&self, name: &str, body: String, parameters: &[(&str, &str)]) -> Result<(), ApiError> {
        let parameters = parameters.iter().map(|(key, value)| cfn::Parameter {
            parameter_key: Some((*key).to_owned()),
            parameter_value: Some((*value).to_owned()),
            ..Default::default()
        });
        let parameters = Some(parameters.collect());
        let capabilities = Some(vec!["CAPABILITY_NAMED_IAM".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()]);
        let stack_name = name.to_owned();
        let template_body = Some(body);
        let exists = self.stack(name).await.ok().flatten().is_some_and(|stack| {
            stack.stack_status != "ROLLBACK_COMPLETE" && stack.stack_status != "DELETE_COMPLETE"
        });
        if exists {
            let update = cfn::UpdateStackInput {
                stack_name,
                template_body,
                parameters,
                capabilities,
                ..Default::default()
            };
            self.call::<cfn::UpdateStackOutput>(cfn::Request::UpdateStack(update)).await.map(drop)
        } else {
            let create = cfn::CreateStackInput {
                stack_name,
                template_body,
                parameters,
                capabilities,
                ..Default::default()
            };
            self.call::<cfn::CreateStackOutput>(cfn::Request::CreateStack(create)).await.map(drop)
        }
    }

    async fn stack(&self, name: &str) -> Result<Option<cfn::Stack>, String> {
        let describe = cfn::DescribeStacksInput { stack_name: Some(name.to_owned()), ..Default::default() };
        match self.call::<cfn::DescribeStacksOutput>(cfn::Request::DescribeStacks(describe)).await {
            Ok(described) => Ok(described.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if error.message.contains("does not exist") => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn resources(&self, name: &str) -> Result<BTreeMap<String, String>, String> {
        let describe =
            cfn::DescribeStackResourcesInput { stack_name: Some(name.to_owned()), ..Default::default() };
        let described = self
            .call::<cfn::DescribeStackResourcesOutput>(cfn::Request::DescribeStackResources(describe))
            .await
            .map_err(|error| error.to_string())?;
        let mut resources = BTreeMap::new();
        for resource in described.stack_resources.unwrap_or_default() {
            let Some(id) = resource.physical_resource_id else { continue };
            if resource.resource_type == "AWS::Lambda::Function" {
                self.functions.is_named(&id, &resource.logical_resource_id);
            }
            resources.insert(resource.logical_resource_id, id);
        }
        Ok(resources)
    }

    /// Why resources of a stack failed.
    async fn failures(&self, name: &str) -> Result<String, String> {
        let describe = cfn::DescribeStackEventsInput { stack_name: name.to_owned(), ..Default::default() };
        let described = self
            .call::<cfn::DescribeStackEventsOutput>(cfn::Request::DescribeStackEvents(describe))
            .await
            .map_err(|error| error.to_string())?;
        let mut reasons: Vec<String> = Vec::new();
        for event in described.stack_events.unwrap_or_default() {
            if event.resource_status.is_some_and(|status| status.ends_with("_FAILED")) {
                let who = event.logical_resource_id.unwrap_or_default();
                reasons.push(format!("{who}: {}", event.resource_status_reason.unwrap_or_default()));
            }
        }
        // The latest come first; the first failure is the cause of the others.
        reasons.reverse();
        Ok(reasons.join("; "))
    }
}
